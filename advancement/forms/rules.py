"""The form of a rule: what was typed, what it means, and what is wrong with it where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from django.http import QueryDict

from advancement.criteria.rules import (
    DEFAULT_PRIORITY,
    CriterionDefinition,
    Lifecycles,
    Logic,
    Operator,
    RuleDefinition,
)
from advancement.criteria.signals import Period
from advancement.criteria.validation import Problem, check_rule
from advancement.criteria.wording import compact_number
from advancement.forms.numbers import NotANumber, read_number, read_whole_number

# Shown in place of a name that is not given yet; never stored.
_STAND_IN: Final = "a-rule"
# What a preview cannot do without; how a rule is called, and where it leads, does not change what it counts.
_COUNTED: Final = ("lifecycle_model", "from_tier", "logic", "criteria")


@dataclass(frozen=True)
class CriterionEntry:
    """One row of the form, as typed."""

    signal: str = ""
    operator: str = Operator.GTE
    threshold: str = ""
    period: str = Period.ALL_TIME


@dataclass(frozen=True)
class RuleEntry:
    """The form as it was filled in. `based_on` is the number of the version that it was opened with."""

    slug: str = ""
    title: str = ""
    description: str = ""
    lifecycle_model: str = ""
    from_tier: str = ""
    to_tier: str = ""
    logic: str = Logic.ALL
    priority: str = str(DEFAULT_PRIORITY)
    max_moves: str = ""
    enabled: bool = True
    criteria: tuple[CriterionEntry, ...] = (CriterionEntry(),)
    based_on: int = 0

    @classmethod
    def of(cls, definition: RuleDefinition, based_on: int = 0) -> Self:
        """Return the form of a rule as it is stored."""
        return cls(
            slug=definition.slug,
            title=definition.title,
            description=definition.description,
            lifecycle_model=definition.lifecycle_model,
            from_tier=definition.from_tier,
            to_tier=definition.to_tier,
            logic=definition.logic,
            priority=str(definition.priority),
            max_moves="" if definition.max_moves is None else str(definition.max_moves),
            enabled=definition.enabled,
            criteria=tuple(
                CriterionEntry(c.signal, c.operator, str(compact_number(c.threshold)), c.period)
                for c in definition.criteria
            ),
            based_on=based_on,
        )

    @classmethod
    def from_data(cls, data: QueryDict) -> Self:
        """Return what a browser sent; what is missing is empty."""
        columns = [data.getlist(name) for name in ("signal", "operator", "threshold", "period")]
        rows = max(len(column) for column in columns)
        based_on = data.get("based_on", "")
        return cls(
            **{name: data.get(name, "") for name in ("slug", "lifecycle_model", "from_tier", "to_tier", "logic")},
            title=data.get("title", "").strip(),
            # Browsers send line ends as two characters.
            description=data.get("description", "").replace("\r\n", "\n"),
            priority=data.get("priority", ""),
            max_moves=data.get("max_moves", ""),
            enabled=bool(data.get("enabled")),
            criteria=tuple(
                CriterionEntry(*(column[row] if row < len(column) else "" for column in columns))
                for row in range(rows)
            ),
            based_on=int(based_on) if based_on.isascii() and based_on.isdigit() and len(based_on) < 10 else 0,
        )


@dataclass(frozen=True)
class Fault:
    """Something wrong with the form. `place` is a field, such as `criteria.1.threshold`, counted from zero."""

    place: str
    message: str

    @property
    def row(self) -> int | None:
        """The row of the criterion that it is about, counted from zero; None when about something else."""
        parts = self.place.split(".")
        return int(parts[1]) if parts[0] == "criteria" and len(parts) > 1 else None


@dataclass(frozen=True)
class Reading:
    """What the form means.

    `definition` is the rule with stand-ins for what could not be read, and without the criteria that
    have an error. `errors` keep it from being saved, `warnings` do not.
    """

    definition: RuleDefinition
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]

    @property
    def uncounted(self) -> tuple[Fault, ...]:
        """The errors without which it could be said what the rule would match."""
        return tuple(fault for fault in self.errors if fault.place.split(".")[0] in _COUNTED)


def read_rule(entry: RuleEntry, ladders: Lifecycles) -> Reading:
    """Return what a filled in form means, and all that is wrong with it."""
    reader = _Reader()
    definition = RuleDefinition(
        slug=entry.slug or _STAND_IN,
        title=entry.title,
        description=entry.description,
        lifecycle_model=entry.lifecycle_model,
        from_tier=entry.from_tier,
        to_tier=entry.to_tier,
        criteria=(),
        logic=entry.logic,
        enabled=entry.enabled,
        priority=reader.number("priority", entry.priority, read_whole_number, DEFAULT_PRIORITY),
        max_moves=reader.number("max_moves", entry.max_moves, read_whole_number, 1)
        if entry.max_moves.strip()
        else None,
    )
    criteria = [
        CriterionDefinition(
            row.signal,
            row.operator,
            reader.number(f"criteria.{index}.threshold", row.threshold, read_number, 0.0),
            row.period,
        )
        for index, row in enumerate(entry.criteria)
    ]
    problems = [
        problem
        for problem in check_rule(replace(definition, criteria=tuple(criteria)), ladders)
        if not reader.stands_in_for(problem)
    ]
    errors = sorted(reader.faults + [_fault(p) for p in problems if p.blocks == "saving"], key=_in_order)
    faulty = {fault.row for fault in errors}
    return Reading(
        definition=replace(definition, criteria=tuple(c for i, c in enumerate(criteria) if i not in faulty)),
        errors=tuple(errors),
        warnings=tuple(_warning(p, entry.enabled) for p in problems if p.blocks != "saving"),
    )


class _Reader:
    """Reads numbers, noting what could not be read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def number(self, place: str, text: str, read: Callable[[str], Any], stand_in: Any) -> Any:
        try:
            return read(text)
        except NotANumber as error:
            self.faults.append(Fault(place, str(error)))
            return stand_in

    def stands_in_for(self, problem: Problem) -> bool:
        """Whether a problem may be about a stand-in: of its own field, or of a row that it compares with."""
        rows = any(fault.row is not None for fault in self.faults)
        return problem.field in {fault.place for fault in self.faults} or (rows and problem.blocks != "saving")


def _fault(problem: Problem) -> Fault:
    return Fault(problem.field or "", problem.sentence)


def _warning(problem: Problem, enabled: bool) -> Fault:
    stops = " Until then it cannot be activated." if problem.blocks == "enabling" and enabled else ""
    return Fault(problem.field or "", problem.sentence + stops)


_ORDER: Final[Mapping[str, int]] = {
    name: index
    for index, name in enumerate(
        ("title", "slug", "description", "lifecycle_model", "from_tier", "to_tier", "priority", "max_moves",
         "logic", "criteria")
    )
}  # fmt: skip


def _in_order(fault: Fault) -> tuple[int, int]:
    return _ORDER.get(fault.place.split(".")[0], len(_ORDER)), fault.row or 0
