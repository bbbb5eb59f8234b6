"""A run's log, for people: what happened on its way, line by line.

What counts stands in the run itself. A line that cannot be written is dropped: it never fails a run, and
holds it up for a moment at most.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from django.db import Error, connections, transaction

from advancement.criteria.wording import join_words
from advancement.database.clock import ClockTimestamp
from advancement.models import RunLogLine
from advancement.models.runs import RunLogLevel
from advancement.runs.retry import drop_connection, first_line, interruption_behind

logger = logging.getLogger(__name__)

# Between the lines of a run with many batches.
BATCHES_EVERY: Final = 2.0
_LONGEST: Final = 2_000
_LONGEST_WAIT: Final = "1s"


def note(run_id: int, text: str, *, level: RunLogLevel = RunLogLevel.INFO, using: str = "default") -> None:
    """Add a line to a run's log, now; inside a transaction, as a part of that one."""
    write([line(run_id, text, level)], using=using)


def note_each(texts: Mapping[int, str], *, using: str = "default") -> None:
    """Add a line to the logs of several runs, by the run's number."""
    write([line(run_id, text) for run_id, text in texts.items()], using=using)


def line(
    run_id: int, text: str, level: RunLogLevel = RunLogLevel.INFO, at: datetime | None = None
) -> RunLogLine:
    """Return a line that is not written yet; without a time it gets that at which it is written."""
    return RunLogLine(run_id=run_id, at=at or ClockTimestamp(), level=level, text=text[:_LONGEST])


def write(lines: Iterable[RunLogLine], *, using: str = "default") -> None:
    """Write lines in one short transaction; a failure is logged, and the lines are lost."""
    inside = connections[using].in_atomic_block
    try:
        with transaction.atomic(using=using):
            if not inside:
                _limit_waiting(using)
            RunLogLine.objects.using(using).bulk_create(lines)
    except Error as error:
        if interruption := interruption_behind(error):
            raise interruption from error
        if connections[using].needs_rollback:  # the transaction around is lost as well
            raise
        drop_connection(using)
        logger.warning("Lines of a run's log are lost: %s", first_line(error))


def _limit_waiting(using: str) -> None:
    # Somebody may have the run's row locked, which the foreign key asks for.
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = %s", [_LONGEST_WAIT])


class Batches:
    """Tells of the batches of a run: of the first, then of all that a while brought, and of the last."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._batches = self._told_batches = 0
        self._seen = self._told = (0, 0)
        self._told_at = float("-inf")

    def after(self, moved: int, skipped: int, done: int, total: int) -> str | None:
        """Return the line to write after a batch, if any; the figures are those of all batches so far."""
        if (moved, skipped) != self._seen:
            self._seen = (moved, skipped)
            self._batches += 1
        if self._batches == self._told_batches:
            return None
        if done < total and time.monotonic() < self._told_at + BATCHES_EVERY:
            return None
        first, self._told_batches = self._told_batches + 1, self._batches
        parts = [f"{moved - self._told[0]:,} {self._verb}"]
        if skipped > self._told[1]:
            parts.append(f"{skipped - self._told[1]:,} skipped")
        self._told, self._told_at = (moved, skipped), time.monotonic()
        which = f"Batch {first:,}" if first == self._batches else f"Batches {first:,} to {self._batches:,}"
        return f"{which}: {join_words(parts, 'and')}; {done:,} of {total:,} dealt with."
