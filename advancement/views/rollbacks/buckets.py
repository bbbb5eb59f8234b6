"""Where the events in a rollback's scope went: buckets with counts that add up, each a link to its list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from advancement.criteria.wording import format_number
from advancement.models import Run
from advancement.models.runs import LeftOutBucket
from advancement.rollback.figures import Figures

CLEAN: Final = "clean"
CHANGED: Final = "changed"
REVERTED: Final = "reverted"

# Label, icon and note of what a plan leaves alone.
_LEFT_OUT: Final = {
    LeftOutBucket.ADVANCED_SINCE: ("Advanced since", "up", "Moved on since. Left, unless unwound too."),
    LeftOutBucket.OVERRIDDEN_SINCE: ("Overridden since", "user", "A person decided. Never touched."),
    LeftOutBucket.ALREADY_ROLLED_BACK: ("Already rolled back", "undo", "Nothing left to do."),
    LeftOutBucket.GONE: ("Gone", "ban", "The sprout was deleted."),
    LeftOutBucket.TIER_GONE: ("Tier gone", "ban", "Their model no longer has the tier on the way back."),
    LeftOutBucket.EXCLUDED: ("Excluded", "minus", "Left out on request."),
    LeftOutBucket.SKIPPED: ("Skipped", "warn", "Changed between review and rollback. Left as they are."),
}
# Those that are always shown, so that a zero is seen as one.
_ALWAYS: Final = (
    LeftOutBucket.ADVANCED_SINCE,
    LeftOutBucket.OVERRIDDEN_SINCE,
    LeftOutBucket.ALREADY_ROLLED_BACK,
    LeftOutBucket.GONE,
)
_OF_UNDO: Final = {
    LeftOutBucket.ADVANCED_SINCE: "Moved on since. Left as they are.",
    LeftOutBucket.ALREADY_ROLLED_BACK: "Nothing left to do.",
}
_UNDONE_BEFORE: Final = "Undone before"
_UNWOUND: Final = "A person decided in between, so they stay."


@dataclass(frozen=True)
class Bucket:
    """A part of the events in scope."""

    slug: str
    label: str
    icon: str
    count: int
    note: str


def planned_buckets(run: Run, figures: Figures) -> list[Bucket]:
    """Return the buckets of a plan under review; they add up to the events in scope."""
    count = figures.steps - figures.unwound
    note = "Will be undone." if run.undoes_id else "Nothing came after. Will be rolled back."
    if figures.unwound:
        note = f"Will be rolled back, and {format_number(figures.unwound)} later moves before them."
    elif figures.steps != figures.sprouts:
        note = f"Steps of {format_number(figures.sprouts)} sprouts, newest first."
    if figures.struck_steps:
        note = f"{note} {format_number(figures.struck_steps)} of them excluded."
    return [Bucket(CLEAN, "Clean", "check", count, note), *_left_out(run, figures.left_out)]


def outcome_buckets(run: Run, left_out: dict[str, int], reverted: int) -> list[Bucket]:
    """Return the buckets of a rollback that was applied, whole or in part."""
    label = "Undone" if run.undoes_id else "Rolled back"
    done = Bucket(REVERTED, label, "undo", reverted, "Each with an event of its own.")
    return [done, *_left_out(run, left_out)]


def _left_out(run: Run, counts: dict[str, int]) -> Iterator[Bucket]:
    for bucket, (label, icon, note) in _LEFT_OUT.items():
        count = counts.get(bucket, 0)
        if bucket == LeftOutBucket.ADVANCED_SINCE and run.unwind:
            note = _UNWOUND if count else "All of these are unwound."
        if run.undoes_id:
            note = _OF_UNDO.get(bucket, note)
            label = _UNDONE_BEFORE if bucket == LeftOutBucket.ALREADY_ROLLED_BACK else label
        if count or bucket in _ALWAYS:
            yield Bucket(str(bucket), label, icon, count, note)
