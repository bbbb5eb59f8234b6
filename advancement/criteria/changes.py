"""What changed between two versions of a rule, in words: which criteria came and went, what else is new."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from advancement.criteria.rules import CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.sentences import criterion_sentence
from advancement.criteria.wording import format_number


class Fate(StrEnum):
    """What happened to a criterion on the way from one version to another."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class CriterionChange:
    """A criterion in words, and what happened to it."""

    fate: Fate
    text: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """Something else that a rule says, before and after; both are empty where only the name says it."""

    name: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """All that differs between two versions; `criteria` lists those that were kept, too.

    `logic` is how the later version combines its criteria.
    """

    criteria: tuple[CriterionChange, ...]
    settings: tuple[SettingChange, ...]
    logic: str = Logic.ALL

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.settings) or any(change.fate is not Fate.KEPT for change in self.criteria)

    @property
    def moved_criteria(self) -> tuple[CriterionChange, ...]:
        """The criteria that came or went."""
        return tuple(change for change in self.criteria if change.fate is not Fate.KEPT)


def changes_between(before: RuleDefinition, after: RuleDefinition) -> RuleChanges:
    """Return what one has to change in `before` to get `after`; the slug is not looked at."""
    return RuleChanges(
        tuple(_criteria(before.criteria, after.criteria)), tuple(_settings(before, after)), after.logic
    )


def _criteria(
    before: Sequence[CriterionDefinition], after: Sequence[CriterionDefinition]
) -> Iterator[CriterionChange]:
    """Yield the criteria in their new order, each that went right before the one that took its place."""
    gone = _without(before, after)
    added = _without(after, before)
    replaced = _replacements(gone, added)
    left = list(gone)
    new = Counter(added)
    for criterion in after:
        if not new[criterion]:
            yield _change(Fate.KEPT, criterion)
            continue
        new[criterion] -= 1
        if old := replaced.get(criterion):
            former = old.pop(0)
            left.remove(former)
            yield _change(Fate.REMOVED, former)
        yield _change(Fate.ADDED, criterion)
    for criterion in left:
        yield _change(Fate.REMOVED, criterion)


def _without(
    these: Sequence[CriterionDefinition], those: Sequence[CriterionDefinition]
) -> list[CriterionDefinition]:
    """Return these without those, each as often as it is left, in their order."""
    there = Counter(those)
    left = []
    for criterion in these:
        if there[criterion]:
            there[criterion] -= 1
        else:
            left.append(criterion)
    return left


def _replacements(
    gone: Sequence[CriterionDefinition], added: Sequence[CriterionDefinition]
) -> dict[CriterionDefinition, list[CriterionDefinition]]:
    """Pair each criterion that is new with one that went: of the same signal if there is one, else any."""
    free = list(gone)
    pairs: dict[CriterionDefinition, list[CriterionDefinition]] = {}
    unpaired = []
    for criterion in added:
        same = next((old for old in free if old.signal == criterion.signal), None)
        if same is None:
            unpaired.append(criterion)
        else:
            free.remove(same)
            pairs.setdefault(criterion, []).append(same)
    for criterion, old in zip(unpaired, free, strict=False):
        pairs.setdefault(criterion, []).append(old)
    return pairs


def _change(fate: Fate, criterion: CriterionDefinition) -> CriterionChange:
    return CriterionChange(fate, criterion_sentence(criterion))


def _settings(before: RuleDefinition, after: RuleDefinition) -> Iterator[SettingChange]:
    if before.enabled != after.enabled:
        yield SettingChange("switched", _switch(before), _switch(after))
    if before.logic != after.logic:
        yield SettingChange("how criteria combine", _logic(before), _logic(after))
    if Counter(before.criteria) == Counter(after.criteria) and before.criteria != after.criteria:
        yield SettingChange("order of the criteria")
    for name, field in (
        ("lifecycle model", "lifecycle_model"),
        ("from tier", "from_tier"),
        ("to tier", "to_tier"),
        ("title", "title"),
    ):
        if getattr(before, field) != getattr(after, field):
            yield SettingChange(name, getattr(before, field), getattr(after, field))
    if before.priority != after.priority:
        yield SettingChange("priority", format_number(before.priority), format_number(after.priority))
    if before.max_moves != after.max_moves:
        yield SettingChange("guardrail", _guardrail(before), _guardrail(after))
    if before.description != after.description:
        yield SettingChange("description")


def _switch(rule: RuleDefinition) -> str:
    return "on" if rule.enabled else "off"


def _logic(rule: RuleDefinition) -> str:
    return "any may hold" if rule.logic == Logic.ANY else "all must hold"


def _guardrail(rule: RuleDefinition) -> str:
    return "none" if rule.max_moves is None else f"{format_number(rule.max_moves)} moves"
