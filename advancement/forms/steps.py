"""What the buttons within the form of a rule do to it, without saving: rows come, go and move."""

import re
from dataclasses import dataclass, replace
from typing import Final

from advancement.criteria.rules import Lifecycles
from advancement.forms.rules import CriterionEntry, RuleEntry

ADD: Final = "add"
CHOICES: Final = "choices"
_ROW_STEP: Final = re.compile(r"(remove|up|down)-(\d{1,3})", re.ASCII)


@dataclass(frozen=True)
class Step:
    """The form after a button was pressed, and the id of the field or button that is next."""

    entry: RuleEntry
    focus: str


def take_step(entry: RuleEntry, action: str, ladders: Lifecycles) -> Step | None:
    """Return the form after an action, None when the action is none of these."""
    if action == ADD:
        return Step(
            replace(entry, criteria=(*entry.criteria, CriterionEntry())),
            f"criterion-{len(entry.criteria)}-signal",
        )
    if action == CHOICES:
        return Step(with_fitting_tiers(entry, ladders), "to_tier")
    if match := _ROW_STEP.fullmatch(action):
        return _row_step(entry, match[1], int(match[2]))
    return None


def with_fitting_tiers(entry: RuleEntry, ladders: Lifecycles) -> RuleEntry:
    """Return the form with tiers that its lifecycle model has, and that lead forward."""
    tiers = list(ladders.get(entry.lifecycle_model, ()))
    if len(tiers) < 2:
        return replace(entry, from_tier="", to_tier="")
    start = entry.from_tier if entry.from_tier in tiers[:-1] else tiers[0]
    later = tiers[tiers.index(start) + 1 :]
    return replace(entry, from_tier=start, to_tier=entry.to_tier if entry.to_tier in later else later[0])


def _row_step(entry: RuleEntry, what: str, row: int) -> Step:
    rows = list(entry.criteria)
    if row >= len(rows):
        return Step(entry, "add-criterion")
    if what == "remove":
        del rows[row]
        # The next row has moved to where the removed one was.
        focus = f"criterion-{min(row, len(rows) - 1)}-remove" if rows else "add-criterion"
        return Step(replace(entry, criteria=tuple(rows)), focus)
    to = row + (1 if what == "down" else -1)
    if 0 <= to < len(rows):
        rows[row], rows[to] = rows[to], rows[row]
    else:
        to = row
    # At an end there is nowhere further to go, so the button that leads back is next.
    other = "down" if to == 0 else "up" if to == len(rows) - 1 else what
    return Step(replace(entry, criteria=tuple(rows)), f"criterion-{to}-{other}")
