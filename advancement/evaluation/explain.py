"""Why a sprout would advance, or why not: every rule of its tier, criterion by criterion."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from advancement.criteria.rules import CriterionDefinition
from advancement.database.clock import database_now
from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.evaluation.near import missed
from advancement.evaluation.outcomes import BLOCKED, HELD, INVALID, NO_MATCH, NO_SIGNALS, outcome
from advancement.evaluation.ruleset import RuleSet, load_rule_set
from advancement.models import Hold, RuleVersion, Sprout
from advancement.rulebook.reading import lifecycles

_BUCKETS = {
    NO_MATCH: "no_match",
    INVALID: "invalid",
    HELD: "held",
    NO_SIGNALS: "no_signals",
    BLOCKED: "blocked",
}


@dataclass(frozen=True)
class CriterionExplanation:
    """One criterion on one sprout; `actual` is None where the signal is unknown."""

    criterion: CriterionDefinition
    actual: float | None
    met: bool

    @property
    def gap(self) -> float | None:
        """How much is missing until it is met, as near misses count it; 0 when met.

        None when the signal is unknown, or no value would meet the criterion.
        """
        if self.met:
            return 0.0
        miss = missed(0, self.criterion, self.actual)
        return miss.gap if miss else None


@dataclass(frozen=True)
class RuleExplanation:
    """One rule on one sprout: whether its criteria are met, and whether it is the one that wins.

    `stopped` is why the signal gate stops the rule, or empty.
    """

    version: RuleVersion
    matches: bool
    wins: bool
    stopped: str
    criteria: tuple[CriterionExplanation, ...]


@dataclass(frozen=True)
class Explanation:
    """The bucket that a sprout is in now, and what each rule of its tier says, in their order.

    `holds` are those in force; `invalid_rules` are the rules of its tier that runs leave out, each with
    the reason by slug.
    """

    sprout: Sprout
    bucket: str
    rules: tuple[RuleExplanation, ...]
    holds: tuple[Hold, ...]
    invalid_rules: dict[str, str]


def explain(sprout_id: UUID, *, using: str = "default") -> Explanation:
    """Judge one sprout as a run would now, with the same compiled rules; raise Sprout.DoesNotExist."""
    as_of = database_now(using)
    ladders = lifecycles(using)
    rule_set = load_rule_set(ladders, as_of, using)
    versions = sorted(rule_set.live + rule_set.stopped, key=lambda v: (v.priority, v.rule_id))
    rules = CompiledRules(versions, as_of)
    columns: dict[str, Any] = {"outcome": outcome(rule_set, ladders, as_of)}
    columns |= {f"evidence_{version.pk}": rules.evidence(version) for version in versions}
    columns |= {f"matches_{version.pk}": rules.holds(version) for version in versions}
    sprout = with_signals(Sprout.objects.using(using)).annotate(**columns).get(pk=sprout_id)
    own = [
        v for v in versions if (v.lifecycle_model_id, v.from_tier) == (sprout.lifecycle_model_id, sprout.tier)
    ]
    result = int(getattr(sprout, "outcome"))  # noqa: B009 - annotated above
    return Explanation(
        sprout=sprout,
        bucket=_BUCKETS.get(result, "advanced"),
        rules=tuple(
            _rule(sprout, version, version.pk == result, rule_set.stopped_reasons) for version in own
        ),
        holds=tuple(Hold.objects.using(using).in_force(as_of).filter(sprout=sprout_id).order_by("id")),
        invalid_rules=_invalid(sprout, rule_set, using),
    )


def _invalid(sprout: Sprout, rule_set: RuleSet, using: str) -> dict[str, str]:
    versions = RuleVersion.objects.using(using).filter(
        active_in__in=list(rule_set.invalid_reasons),
        lifecycle_model_id=sprout.lifecycle_model_id,
        from_tier=sprout.tier,
    )
    slugs = versions.order_by("rule").values_list("rule", flat=True)
    return {slug: rule_set.invalid_reasons[slug] for slug in slugs}


def _rule(sprout: Sprout, version: RuleVersion, wins: bool, stopped: dict[str, str]) -> RuleExplanation:
    evidence: list[dict[str, Any]] = getattr(sprout, f"evidence_{version.pk}")
    return RuleExplanation(
        version=version,
        matches=bool(getattr(sprout, f"matches_{version.pk}")),
        wins=wins,
        stopped=stopped.get(version.rule_id, ""),
        criteria=tuple(
            CriterionExplanation(criterion, line["actual"], line["met"])
            for criterion, line in zip(version.definition.criteria, evidence, strict=True)
        ),
    )
