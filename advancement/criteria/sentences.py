"""Say criteria and rules in words, for people."""

import math
import re
from typing import Final

from advancement.criteria.rules import CriterionDefinition, Logic, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, WINDOW_DAYS, Period, Unit
from advancement.criteria.wording import format_number, join_words

SYMBOLS: Final[dict[str, str]] = {
    Operator.GTE: "≥",
    Operator.GT: ">",
    Operator.EQ: "=",
    Operator.LT: "<",
    Operator.LTE: "≤",
}

# Names of one of a thing that do not just lack the “s”.
_ONE_OF: Final = {
    "uniqueLenses": "unique lens",
    "uniqueQueries": "unique query",
    "daysActive": "day active",
    "daysInTier": "day in tier",
}
# As exact as scores are.
_SCORE_DECIMALS: Final = 4
_TENTHS: Final = 10


def signal_words(name: str) -> str:
    """Return a signal's name as words: `uniqueSessions` becomes `unique sessions`."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda capital: " " + capital.group().lower(), name)


def count_words(name: str, value: float) -> str:
    """Return a signal's value with its name: `15 retrievals`, `1 unique query`."""
    words = signal_words(name)
    signal = SIGNALS.get(name)
    if value == 1 and signal and signal.unit is not Unit.SCORE:
        words = _ONE_OF.get(name, words.removesuffix("s"))
    return f"{format_number(value)} {words}"


def value_words(name: str, value: float | None) -> str:
    """Return a signal's value as people read it: unknown, a whole number, or with a few decimals.

    Days are rounded down to one decimal, as ages are, so that 29.96 days do not look like 30.
    """
    if value is None:
        return "unknown"
    signal = SIGNALS.get(name)
    if signal and signal.unit is Unit.DAYS:
        return format_number(math.floor(round(value * _TENTHS, _SCORE_DECIMALS)) / _TENTHS)
    return format_number(round(value, _SCORE_DECIMALS))


def gap_words(name: str, gap: float) -> str:
    """Return what a value lacks as people read it; what is rounded down there is rounded up here."""
    signal = SIGNALS.get(name)
    if signal and signal.unit is Unit.DAYS:
        return format_number(math.ceil(round(gap * _TENTHS, _SCORE_DECIMALS)) / _TENTHS)
    return format_number(round(gap, _SCORE_DECIMALS))


def criterion_sentence(criterion: CriterionDefinition) -> str:
    """Return the criterion in words, such as `citations ≥ 3 in the last 30 days`.

    Names that are not valid are shown as they are.
    """
    symbol = SYMBOLS.get(criterion.operator, criterion.operator)
    comparison = f"{signal_words(criterion.signal)} {symbol} {format_number(criterion.threshold)}"
    return f"{comparison} {period_words(criterion)}".rstrip()


def period_words(criterion: CriterionDefinition) -> str:
    """Return its period, as in `in the last 30 days`; empty where the period makes no difference."""
    signal = SIGNALS.get(criterion.signal)
    if criterion.period == Period.ALL_TIME or (signal and signal.column is None):
        return ""
    days = WINDOW_DAYS[Period(criterion.period)] if criterion.period in list(Period) else None
    return f"in the last {days} days" if days else f"in {criterion.period}"


def rule_sentence(rule: RuleDefinition) -> str:
    """Return the rule in words, such as `sprout → sapling when citations ≥ 3 and views ≥ 10`."""
    step = f"{rule.from_tier} → {rule.to_tier}"
    parts = [criterion_sentence(criterion) for criterion in rule.criteria]
    if not parts:
        return f"{step} never: it has no criteria"
    if rule.logic == Logic.ANY and len(parts) > 1:
        return f"{step} when any of {join_words(parts, 'or')}"
    return f"{step} when {join_words(parts, 'and')}"
