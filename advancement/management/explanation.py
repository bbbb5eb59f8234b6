"""Why a sprout would advance or why not, in lines for people and as one object for programs."""

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from advancement.criteria.rules import CriterionDefinition, Logic, Operator
from advancement.criteria.sentences import criterion_sentence, gap_words, value_words
from advancement.criteria.wording import join_words
from advancement.evaluation.explain import CriterionExplanation, Explanation, RuleExplanation
from advancement.models import Hold

_OFF_BY: Final = {Operator.GTE: "short by", Operator.GT: "short by", Operator.EQ: "off by"}


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Say what a run would do with the sprout now and why, with every rule of its tier."""
    sprout = explanation.sprout
    yield f"{sprout.title} {_outcome(explanation)}"
    if sprout.tier not in settings.ADVANCEMENT_FROM_TIERS:
        tiers = join_words(settings.ADVANCEMENT_FROM_TIERS, "and")
        yield f"The daily run does not look at this tier: ADVANCEMENT_FROM_TIERS names {tiers}."
    for hold in explanation.holds:
        yield f"On hold {_until(hold)}, set by {hold.set_by}: {hold.reason}"
    for rule in explanation.rules:
        yield from _rule_lines(rule)
    for slug, reason in explanation.invalid_rules.items():
        yield f"rule {slug} is left out of runs: {reason}"


def criterion_line(criterion: CriterionDefinition, actual: float | None, met: bool) -> str:
    """Say a criterion with its actual value, as in `✓ citations ≥ 3: 7`."""
    return f"{'✓' if met else '✗'} {criterion_sentence(criterion)}: {value_words(criterion.signal, actual)}"


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return the object that `explain --json` prints."""
    sprout = explanation.sprout
    return {
        "sprout": str(sprout.pk),
        "title": sprout.title,
        "lifecycle_model": sprout.lifecycle_model_id,
        "tier": sprout.tier,
        "bucket": explanation.bucket,
        "in_daily_run": sprout.tier in settings.ADVANCEMENT_FROM_TIERS,
        "holds": [_hold_json(hold) for hold in explanation.holds],
        "rules": [_rule_json(rule) for rule in explanation.rules],
        "invalid_rules": [{"rule": r, "reason": why} for r, why in explanation.invalid_rules.items()],
    }


def _outcome(explanation: Explanation) -> str:
    tier = explanation.sprout.tier
    winner = next((rule.version for rule in explanation.rules if rule.wins), None)
    if explanation.bucket == "advanced" and winner:
        return f"would advance from {tier} to {winner.to_tier}, by {winner.rule_id}."
    reasons = {
        "held": "it is on hold",
        "blocked": "it meets only rules that the signal gate stopped",
        "no_signals": "it has no signals yet",
        "invalid": f"its lifecycle model {explanation.sprout.lifecycle_model_id} has no such tier",
    }
    no_match = "it meets no rule of its tier" if explanation.rules else "no enabled rule is about its tier"
    return f"stays {tier}: {reasons.get(explanation.bucket, no_match)}."


def _rule_lines(rule: RuleExplanation) -> Iterator[str]:
    version = rule.version
    need = "any of these suffices" if version.logic == Logic.ANY else "all of these are needed"
    yield f"to {version.to_tier} by “{version.title}” ({version.rule_id}, version {version.number}); {need}:"
    for line in rule.criteria:
        yield f"  {criterion_line(line.criterion, line.actual, line.met)}{_gap(line)}"
    if rule.stopped:
        yield f"  stopped by the signal gate: {rule.stopped}"
    elif rule.matches and not rule.wins:
        yield "  met, and does not decide: an earlier rule or a hold does"


def _gap(line: CriterionExplanation) -> str:
    words = _OFF_BY.get(Operator(line.criterion.operator), "over by")
    return f", {words} {gap_words(line.criterion.signal, line.gap)}" if line.gap else ""


def _until(hold: Hold) -> str:
    if hold.until:
        return f"until {hold.until:%Y-%m-%d %H:%M} UTC"
    if hold.rule_id:
        return f"until rule {hold.rule_id} has a newer version than {hold.rule_version}"
    return "until its release"


def _hold_json(hold: Hold) -> dict[str, Any]:
    return {
        "reason": hold.reason,
        "until": hold.until.isoformat() if hold.until else None,
        "until_newer_version_of": hold.rule_id,
        "version": hold.rule_version,
        "set_by": hold.set_by,
        "set_at": hold.set_at.isoformat(),
    }


def _rule_json(rule: RuleExplanation) -> dict[str, Any]:
    return {
        "rule": rule.version.rule_id,
        "version": rule.version.number,
        "title": rule.version.title,
        "to": rule.version.to_tier,
        "logic": rule.version.logic,
        "priority": rule.version.priority,
        "matches": rule.matches,
        "wins": rule.wins,
        "stopped": rule.stopped,
        "criteria": [_criterion_json(line) for line in rule.criteria],
    }


def _criterion_json(line: CriterionExplanation) -> dict[str, Any]:
    return {
        "signal": line.criterion.signal,
        "operator": line.criterion.operator,
        "threshold": line.criterion.threshold,
        "period": line.criterion.period,
        "actual": line.actual,
        "met": line.met,
        "gap": line.gap,
    }
