"""What changed between two states of a rule, line by line, for people."""

from collections.abc import Iterator
from dataclasses import dataclass

from advancement.criteria.rules import CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.sentences import criterion_sentence
from advancement.criteria.wording import format_number


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
        yield Change("Criterion", criterion_sentence(former) if former else "", criterion_sentence(came))
    yield from (Change("Criterion", criterion_sentence(former), "") for former in gone)
    if before != after and set(before) == set(after):
        yield Change("Criteria", "in another order", "reordered")


def _needs(rule: RuleDefinition) -> str:
    return "any of its criteria" if rule.logic == Logic.ANY else "all of its criteria"


def _guardrail(rule: RuleDefinition) -> str:
    return "none" if rule.max_moves is None else f"at most {format_number(rule.max_moves)} moves a run"


def _switched(rule: RuleDefinition) -> str:
    return "on" if rule.enabled else "off"
