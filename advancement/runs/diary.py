"""What a worker writes into the log of its run."""

from datetime import UTC, datetime
from typing import Final

from django.db import Error, connections

from advancement.criteria.wording import join_words
from advancement.models import Run, RunLogLine, SignalRefresh
from advancement.models.runs import RunKind, RunLogLevel
from advancement.runs.log import Batches, line, write
from advancement.runs.retry import first_line

# How a line starts that tells of an error after which the same is tried again.
RETRIED: Final = "The database failed"
_MADE: Final = {
    RunKind.ADVANCEMENT: "advanced",
    RunKind.ROLLBACK: "taken back",
    RunKind.OVERRIDE: "moved",
}


def _made(run: Run) -> str:
    """Say what a run does with a sprout that it moves."""
    return "put back" if run.undoes_id else _MADE[RunKind(run.kind)]


class Diary:
    """The log of one run as its worker writes it; see `advancement.runs.log` for what it promises."""

    def __init__(self, run_id: int, using: str) -> None:
        self._id = run_id
        self._using = using
        self._unwritten: list[RunLogLine] = []
        self._waiting_for = ""
        self._batches: Batches | None = None
        # What the batches came to: of earlier tries, and in all.
        self._before = self._figures = (0, 0)
        # The moves to make, and how many of them were dealt with when the first try began.
        self._to_make = self._dealt_with = 0

    def say(self, text: str, level: RunLogLevel = RunLogLevel.INFO) -> None:
        """Write a line, after those that could not be written before."""
        lines, self._unwritten = [*self._unwritten, line(self._id, text, level)], []
        write(lines, using=self._using)

    def refreshed(self, record: SignalRefresh) -> None:
        """The signals were refreshed."""
        self.say(f"Signals refreshed: {record.sprouts:,} sprouts looked at.")

    def planned(self, run: Run) -> None:
        """The plan is stored."""
        what = "events in scope" if run.kind == RunKind.ROLLBACK else "candidates evaluated"
        self.say(f"Planned: {run.moves_planned:,} moves, {run.evaluated:,} {what}.")
        for rules, so in ((run.invalid_rules, "is invalid"), (run.stopped_rules, "is stopped")):
            for found in rules:
                self.say(f"Rule {found['rule']} {so}. {found['reason']}", RunLogLevel.WARNING)

    def waits_for(self, other: str) -> None:
        """Another run is being applied; said once for each."""
        if other != self._waiting_for:
            self._waiting_for = other
            self.say(f"Waits for {other}, which is being applied.")

    def applies(self, run: Run) -> None:
        """The run is the one that is being applied now, for the first time or after an error."""
        if self._batches:
            self._before = self._figures
            return
        self._batches = Batches(_made(run))
        self._to_make, self._dealt_with = run.moves_to_make, run.moves_dealt_with(self._using)
        left = self._to_make - self._dealt_with
        begun = f" from move {run.cursor + 1:,} on" if run.cursor else ""
        self.say(f"Applies{begun}: {left:,} to deal with, up to {run.batch_size:,} in a transaction.")

    def batch(self, moved: int, skipped: int, done: int, total: int) -> None:
        """A batch was committed; the figures are those of all batches of this try."""
        self._figures = (self._before[0] + moved, self._before[1] + skipped)
        dealt_with = self._to_make if done >= total else self._dealt_with + sum(self._figures)
        if self._batches and (text := self._batches.after(*self._figures, dealt_with, self._to_make)):
            self.say(text)

    def retries(self, error: Error, delay: int) -> None:
        """The database failed and the same is tried again; kept back while it can hardly be written."""
        text = f"{RETRIED}, next try in {delay} s: {first_line(error)}"
        connection = connections[self._using]
        session = connection.connection
        if connection.vendor == "postgresql" and session is not None and not session.closed:
            self.say(text, RunLogLevel.WARNING)
        else:
            self._unwritten.append(line(self._id, text, RunLogLevel.WARNING, datetime.now(UTC)))

    def planned_only(self, run: Run, exceeded: list[str]) -> None:
        """A dry run ends at its plan, and so does a rollback that somebody reviews first."""
        what = "The dry run is done" if run.kind == RunKind.ADVANCEMENT else "The review is ready"
        self.say(f"{what}: nothing was applied.")
        if exceeded:
            self.say(f"A real run would be held. {' '.join(exceeded)}", RunLogLevel.WARNING)

    def held(self, exceeded: list[str]) -> None:
        """A guardrail stops the run at its plan."""
        self.say(f"Held, nothing was applied. {' '.join(exceeded)}", RunLogLevel.WARNING)

    def finished(self, run: Run) -> None:
        """Every move was dealt with."""
        parts = [f"{run.advanced:,} {_made(run)}"]
        skipped = run.skipped - (run.moves_struck if run.kind == RunKind.ADVANCEMENT else 0)
        if skipped:
            parts.append(f"{skipped:,} skipped")
        self.say(f"Finished: {join_words(parts, 'and')}.")

    def failed(self, run: Run) -> None:
        """The run ends as failed, for now."""
        again = f" It is tried again at {run.retry_at:%H:%M:%S} UTC." if run.retry_at else ""
        self.say(f"Failed: {run.error.rstrip('.')}.{again}", RunLogLevel.ERROR)
