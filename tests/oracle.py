"""What the rules mean, in plain Python and obviously right: what property tests compare with."""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.signals import Period

Values = Mapping[tuple[str, str], float | None]
"""One sprout's values by signal and period, `None` or absent if unknown; daysInTier under `all_time`."""

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
}


def evaluate_criterion(criterion: CriterionDefinition, values: Values) -> bool:
    """Say whether the value is known and compares as asked."""
    period = Period.ALL_TIME if criterion.signal == "daysInTier" else criterion.period
    actual = values.get((criterion.signal, period))
    return actual is not None and COMPARE[criterion.operator](actual, criterion.threshold)


def evaluate_rule(rule: RuleDefinition, values: Values) -> bool:
    """Say whether a sprout with these values matches the rule, enabled or not."""
    met = [evaluate_criterion(criterion, values) for criterion in rule.criteria]
    return bool(met) and (all(met) if rule.logic == "AND" else any(met))


def winning_rule(rules: Iterable[RuleDefinition], values: Values) -> RuleDefinition | None:
    """Return the first enabled rule, by priority and slug, that matches; all are of the sprout's tier."""
    for rule in sorted(rules, key=lambda rule: (rule.priority, rule.slug)):
        if rule.enabled and evaluate_rule(rule, values):
            return rule
    return None


def bucket(
    rules: Collection[RuleDefinition],
    values: Values,
    *,
    tier_known: bool = True,
    held: bool = False,
    has_signals: bool = True,
    stopped: Collection[str] = (),
) -> str:
    """Return where a candidate ends; `stopped` holds the slugs of rules stopped by the signal gate."""
    if not tier_known:
        return "invalid"
    if held:
        return "held"
    if not has_signals:
        return "no_signals"
    if winning_rule([rule for rule in rules if rule.slug not in stopped], values):
        return "advanced"
    if winning_rule(rules, values):
        return "blocked"
    return "no_match"
