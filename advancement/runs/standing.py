"""How far a run has got, for people who watch it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from advancement.database.clock import database_now
from advancement.models import AdvancementEvent, LeftOut, Run
from advancement.models.runs import LeftOutBucket, RunKind, RunStatus
from advancement.runs.lease import UNFINISHED, lease_for

# Longer than a batch takes.
_SILENT: Final = timedelta(seconds=10)
# The speed is that of the newest moves, so that an interruption is soon forgotten.
_RECENT: Final = 2_000


@dataclass(frozen=True)
class Standing:
    """The moves of a run's plan: how many there are, how many are dealt with, how many of those skipped.

    What was struck out of the plan is no part of it. `rate` is in moves a second, None when unknown or when
    the worker has been silent for longer than a batch takes: `silent_since` says since when.
    """

    done: int
    total: int
    skipped: int
    rate: float | None
    batch: int
    batches: int
    silent_since: datetime | None = None

    @property
    def made(self) -> int:
        """Moves that were made."""
        return self.done - self.skipped

    @property
    def left(self) -> int:
        """Moves that nobody has come to."""
        return self.total - self.done

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None when unknown."""
        return self.left / self.rate if self.rate and self.left else None


def unfinished(run: Run) -> bool:
    """Whether a worker has something to do about the run, now or when its turn comes."""
    return run.status in UNFINISHED and not (run.dry_run and run.status != RunStatus.PLANNING)


def standing_of(run: Run, *, using: str = "default") -> Standing:
    """Return how far a run has got."""
    applying = run.status == RunStatus.APPLYING
    silent_since = _silent_since(run, using) if applying else None
    return Standing(
        done=run.moves_dealt_with(using),
        total=run.moves_to_make,
        skipped=counted_skipped(run, using),
        rate=_rate(run, using) if applying and silent_since is None else None,
        batch=min(run.cursor // run.batch_size + 1, _batches(run)),
        batches=_batches(run),
        silent_since=silent_since,
    )


def counted_skipped(run: Run, using: str = "default") -> int:
    """Return how many moves were skipped as the plan was applied; those struck out of it before are not."""
    if not run.cursor:
        return 0
    skipped = run.skipped
    if run.status != RunStatus.SUCCEEDED:  # it is kept at the end
        skipped = LeftOut.objects.using(using).filter(run=run.pk, bucket=LeftOutBucket.SKIPPED).count()
    # What was struck out of an advancement's plan stands among them.
    return skipped - (run.moves_struck if run.kind == RunKind.ADVANCEMENT else 0)


def _silent_since(run: Run, using: str) -> datetime | None:
    """Return when the worker of a run that is being applied was last at work; None when that is just now."""
    if run.lease_expires_at is None:
        return None
    # Each batch renews the lease.
    renewed = run.lease_expires_at - lease_for(run.status)
    return renewed if database_now(using) - renewed > _SILENT else None


def _batches(run: Run) -> int:
    return -(-run.moves_planned // run.batch_size)


def _rate(run: Run, using: str) -> float | None:
    events = AdvancementEvent.objects.using(using).filter(run_id=run.pk).order_by("-id")
    times = events.values_list("timestamp", flat=True)
    newest = times.first()
    count = min(run.cursor, _RECENT)
    earlier = times[count - 1 : count].first() if count else None
    if newest is None:
        return None
    if earlier is None:  # some were skipped
        earlier = times.last()
    seconds = (newest - earlier).total_seconds() if earlier else 0.0
    return count / seconds if seconds > 0 else None
