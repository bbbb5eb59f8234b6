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
from advancement.criteria.slugs import MAX_SLUG_LENGTH, SLUG_WORDS
from advancement.criteria.validation import (
    MAX_MOVES,
    MAX_PRIORITY,
    Blocks,
    Problem,
    check_rule,
    unnamed,
)
from advancement.criteria.wording import compact_number, format_number
from advancement.forms.numbers import NotANumber, read_number, read_whole_number

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
            **{
                name: data.get(name, "")
                for name in ("slug", "lifecycle_model", "from_tier", "to_tier", "logic")
            },
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
    """Something wrong with the form, and where; see `Problem` for `place` (its `field`) and `blocks`.

    `empty` says that something is not filled in yet.
    """

    place: str
    message: str
    blocks: Blocks = "saving"
    empty: bool = False

    @property
    def row(self) -> int | None:
        """The row of the criterion that it is about, counted from zero; None when about something else."""
        parts = self.place.split(".")
        return int(parts[1]) if parts[0] == "criteria" and len(parts) > 1 else None

    @property
    def field_id(self) -> str:
        """The id of the field, in the page, where it can be put right."""
        if self.row is not None:
            part = self.place.split(".")[2:] or ["signal"]
            return f"criterion-{self.row}-{part[0]}"
        return "add-criterion" if self.place == "criteria" else self.place

    @property
    def summary(self) -> str:
        """Its sentence for a place away from the field."""
        if self.row is not None:
            return (
                self.message
                if "criterion" in self.message.lower()
                else f"Criterion {self.row + 1}: {self.message}"
            )
        label = _LABELS.get(self.place)
        return f"{label}: {self.message}" if label else self.message


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
        slug=entry.slug,
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
    found = [_fault(p, entry) for p in problems if p.blocks == "saving"]
    errors = sorted(reader.faults + found, key=_in_order)
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
            self.faults.append(Fault(place, str(error), empty=not text.strip()))
            return stand_in

    def stands_in_for(self, problem: Problem) -> bool:
        """Whether a problem may be about a stand-in: of its own field, or of a row that it compares with."""
        rows = any(fault.row is not None for fault in self.faults)
        return problem.field in {fault.place for fault in self.faults} or (
            rows and problem.blocks != "saving"
        )


def _fault(problem: Problem, entry: RuleEntry) -> Fault:
    fault = Fault(problem.field or "", unnamed(problem))
    if problem.code == "unknown-signal" and fault.row is not None and not entry.criteria[fault.row].signal:
        return Fault(fault.place, "Choose a signal.", empty=True)
    return Fault(fault.place, _OWN_WORDS.get(problem.code, fault.message))


def _warning(problem: Problem, enabled: bool) -> Fault:
    stops = " Until then it cannot be activated." if problem.blocks == "enabling" and enabled else ""
    return Fault(problem.field or "", unnamed(problem) + stops, problem.blocks)


# What is said better where the field stands right beside it.
_OWN_WORDS: Final[Mapping[str, str]] = {
    "no-title": "Give the rule a title.",
    "bad-slug": f"Use 1 to {MAX_SLUG_LENGTH} {SLUG_WORDS}.",
    "bad-priority": f"Enter a whole number from 0 to {format_number(MAX_PRIORITY)}.",
    "bad-guardrail": f"Enter a whole number from 1 to {format_number(MAX_MOVES)}, or nothing.",
    "no-criteria": "Add at least one criterion: without any, nothing could ever meet the rule.",
}
_LABELS: Final[Mapping[str, str]] = {
    "title": "Title",
    "slug": "Slug",
    "description": "Description",
    "lifecycle_model": "Lifecycle model",
    "from_tier": "From tier",
    "to_tier": "To tier",
    "priority": "Priority",
    "max_moves": "Guardrail",
}
_PARTS: Final = ("signal", "operator", "threshold", "period")
_ORDER: Final[Mapping[str, int]] = {name: index for index, name in enumerate((*_LABELS, "logic", "criteria"))}


def _in_order(fault: Fault) -> tuple[int, int, int]:
    name, *rest = fault.place.split(".")
    part = rest[1] if len(rest) > 1 else ""
    return _ORDER.get(name, len(_ORDER)), fault.row or 0, _PARTS.index(part) if part in _PARTS else 0
