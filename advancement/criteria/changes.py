"""What changed between two states of a rule, for people: line by line, or as one with the changes marked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from advancement.criteria.rules import CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.sentences import criterion_sentence
from advancement.criteria.wording import format_number

_CRITERION: Final = "Criterion"


@dataclass(frozen=True, slots=True)
class Change:
    """What one thing was and is; empty where it was not there before, or is not any more."""

    what: str
    before: str
    after: str


def changes_between(before: RuleDefinition, after: RuleDefinition) -> list[Change]:
    """Return what differs between two states of a rule, in the order in which an editor shows it."""
    pairs = (
        ("Title", before.title, after.title),
        ("Description", before.description, after.description),
        ("Lifecycle model", before.lifecycle_model, after.lifecycle_model),
        ("From tier", before.from_tier, after.from_tier),
        ("To tier", before.to_tier, after.to_tier),
        ("Needs", _needs(before), _needs(after)),
    )
    rest = (
        ("Priority", str(before.priority), str(after.priority)),
        ("Guardrail", _guardrail(before), _guardrail(after)),
        ("Switched", _switched(before), _switched(after)),
    )
    return [
        *(Change(*pair) for pair in pairs if pair[1] != pair[2]),
        *_criteria(before.criteria, after.criteria),
        *(Change(*pair) for pair in rest if pair[1] != pair[2]),
    ]


def _criteria(
    before: tuple[CriterionDefinition, ...], after: tuple[CriterionDefinition, ...]
) -> Iterator[Change]:
    """Pair the criteria that went with those that came on the same signal and period."""
    gone = [criterion for criterion in before if criterion not in after]
    for came in (criterion for criterion in after if criterion not in before):
        former = next((g for g in gone if (g.signal, g.period) == (came.signal, came.period)), None)
        if former:
            gone.remove(former)
        yield Change(_CRITERION, criterion_sentence(former) if former else "", criterion_sentence(came))
    yield from (Change(_CRITERION, criterion_sentence(former), "") for former in gone)
    if before != after and set(before) == set(after):
        yield Change("Criteria", "in another order", "reordered")


def _needs(rule: RuleDefinition) -> str:
    return "any of its criteria" if rule.logic == Logic.ANY else "all of its criteria"


def _guardrail(rule: RuleDefinition) -> str:
    return "none" if rule.max_moves is None else f"at most {format_number(rule.max_moves)} moves a run"


def _switched(rule: RuleDefinition) -> str:
    return "on" if rule.enabled else "off"


class Fate(StrEnum):
    """What happened to a criterion on the way from one state to another."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class CriterionFate:
    """A criterion in words, and what happened to it."""

    fate: Fate
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of a rule seen as one: all criteria with their fates, and what else differs.

    `logic` is how the later one combines its criteria.
    """

    criteria: tuple[CriterionFate, ...]
    settings: tuple[Change, ...]
    logic: str = Logic.ALL

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.settings or self.moved_criteria)

    @property
    def moved_criteria(self) -> tuple[CriterionFate, ...]:
        """The criteria that came or went."""
        return tuple(line for line in self.criteria if line.fate is not Fate.KEPT)


def compare(before: RuleDefinition, after: RuleDefinition) -> Comparison:
    """Return the later state with what the earlier one said marked in it; the slug is not looked at."""
    settings = (change for change in changes_between(before, after) if change.what != _CRITERION)
    return Comparison(tuple(_fates(before.criteria, after.criteria)), tuple(settings), after.logic)


def _fates(
    before: Sequence[CriterionDefinition], after: Sequence[CriterionDefinition]
) -> Iterator[CriterionFate]:
    """Yield the criteria in their new order, each that went right before the one that took its place."""
    gone, added = _without(before, after), _without(after, before)
    replaced = _replacements(gone, added)
    new = Counter(added)
    for criterion in after:
        if not new[criterion]:
            yield _fate(Fate.KEPT, criterion)
            continue
        new[criterion] -= 1
        if former := replaced.get(criterion):
            gone.remove(former[0])
            yield _fate(Fate.REMOVED, former.pop(0))
        yield _fate(Fate.ADDED, criterion)
    for criterion in gone:
        yield _fate(Fate.REMOVED, criterion)


def _fate(fate: Fate, criterion: CriterionDefinition) -> CriterionFate:
    return CriterionFate(fate, criterion_sentence(criterion))


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
