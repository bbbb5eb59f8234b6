"""Where a sprout may go from where it stands: the tiers ahead, and the rules that tell most about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from advancement.criteria.rules import Logic
from advancement.evaluation.explain import Explanation, RuleExplanation
from advancement.models import Tier

# Of more rules than that the others are folded away.
_SHOWN: Final = 8


@dataclass(frozen=True)
class Rung:
    """A tier on a sprout's ladder: passed, where it stands, or ahead, with what is missing."""

    tier: Tier
    state: str
    note: str = ""


def ladder_of(explanation: Explanation, tiers: Sequence[Tier]) -> Iterator[Rung]:
    """Yield the tiers of a sprout's model in order, with how far it is to each."""
    here = next((i for i, tier in enumerate(tiers) if tier.slug == explanation.sprout.tier), None)
    for index, tier in enumerate(tiers):
        if here is None or index < here:
            yield Rung(tier, "" if here is None else "done")
        elif index == here:
            yield Rung(tier, "now")
        else:
            yield Rung(tier, "", _distance(explanation, tier.slug))


def _distance(explanation: Explanation, tier: str) -> str:
    """Say how far it is to a tier, by the rule that comes nearest."""
    rules = [rule for rule in explanation.rules if rule.version.to_tier == tier]
    if not rules:
        return "no rule leads there from here"
    if any(rule.matches for rule in rules):
        return "all that is needed is met"
    missing = min(_missing(rule) for rule in rules)
    return f"{missing} criteri{'on' if missing == 1 else 'a'} away"


def _missing(rule: RuleExplanation) -> int:
    """Return how many criteria more it takes; where any is enough, that is one."""
    return 1 if rule.version.logic == Logic.ANY else sum(not line.met for line in rule.criteria)


@dataclass(frozen=True)
class Telling:
    """The rules of a sprout's tier in their order: those to look at first, and the others."""

    first: tuple[RuleExplanation, ...]
    others: tuple[RuleExplanation, ...]


def most_telling(explanation: Explanation) -> Telling:
    """Divide the rules of a sprout's tier: first those that it meets, then those that come nearest."""
    rules = explanation.rules
    telling = sorted(rules, key=lambda rule: (not rule.wins, not rule.matches, _missing(rule)))
    first = {rule.version.pk for rule in telling[:_SHOWN]}
    return Telling(
        tuple(rule for rule in rules if rule.version.pk in first),
        tuple(rule for rule in rules if rule.version.pk not in first),
    )
