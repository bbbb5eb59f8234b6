"""Near misses: how far a value that is known is from what a criterion asks for."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, FloatField, IntegerField, Value, When
from django.db.models.expressions import Expression
from django.db.models.functions import Cast, Least
from django.db.models.lookups import Exact, GreaterThan, IsNull, LessThan

from advancement.criteria.intervals import Interval, interval_of
from advancement.criteria.rules import CriterionDefinition, Logic
from advancement.criteria.signals import SIGNALS
from advancement.evaluation.compile import CompiledRule
from advancement.evaluation.expressions import Total

# So that 0.45 - 0.42 is 0.03.
_DIGITS: Final = 10
_FLOAT: Final[dict[str, Any]] = {"output_field": FloatField()}
_INTEGER: Final[dict[str, Any]] = {"output_field": IntegerField()}
# Farther than any gap; what is unknown is no near miss.
OUT_OF_REACH: Final = 1e300


def needed(criterion: CriterionDefinition) -> Interval | None:
    """Return the values from which on a criterion is met, both ends included, None if nothing can meet it.

    A strict comparison of a count asks for the next whole number; of a score or of days for more than
    its threshold, which is the end here.
    """
    interval = interval_of(criterion)
    if interval is None or interval.empty:
        return None
    if SIGNALS[criterion.signal].integral:
        return interval
    threshold = float(criterion.threshold)
    low = threshold if criterion.operator in {">=", ">", "=="} else interval.low
    high = threshold if criterion.operator in {"<=", "<", "=="} else interval.high
    return Interval(low, high)


@dataclass(frozen=True, order=True)
class Miss:
    """How far a criterion is from being met; the nearest comes first."""

    distance: float
    criterion: int
    actual: float
    needed: float
    gap: float


def missed(index: int, criterion: CriterionDefinition, actual: float | None) -> Miss | None:
    """Say how far a value is from meeting a criterion that it does not meet; None if it is out of reach."""
    ends = needed(criterion)
    if ends is None or actual is None:
        return None
    gap = max(ends.low - actual, actual - ends.high, 0.0)
    wanted = ends.low if actual <= ends.low else ends.high
    return Miss(gap / relative_to(criterion), index, actual, wanted, round(gap, _DIGITS))


def relative_to(criterion: CriterionDefinition) -> float:
    """Return what a criterion's gap is measured by: its threshold, or 1 where that is 0."""
    return abs(float(criterion.threshold)) or 1.0


def reach(rule: CompiledRule) -> Expression:
    """How far a sprout is from meeting a rule, relative to the threshold; `OUT_OF_REACH` is too far.

    For a rule that asks for all criteria: the gap of the one criterion that is not met. For one that asks
    for any: the smallest gap. A sprout that matches is out of reach as well.
    """
    indexes = range(len(rule.definition.criteria))
    distances = [_distance(rule, index) for index in indexes]
    if rule.definition.logic == Logic.ANY:
        nearest = Least(*distances) if len(distances) > 1 else distances[0]
        return Case(When(rule.matches(), then=_double(OUT_OF_REACH)), default=nearest, **_FLOAT)
    unmet = [Case(When(rule.meets(index), then=Value(0)), default=Value(1), **_INTEGER) for index in indexes]
    missed = [
        Case(When(rule.meets(index), then=_double(0)), default=distance, **_FLOAT)
        for index, distance in zip(indexes, distances, strict=True)
    ]
    # Where one criterion alone is not met, the sum is its distance.
    return Case(
        When(Exact(Total(*unmet, **_INTEGER), 1), then=Total(*missed, **_FLOAT)),
        default=_double(OUT_OF_REACH),
        **_FLOAT,
    )


def _distance(rule: CompiledRule, index: int) -> Expression:
    criterion = rule.definition.criteria[index]
    ends = needed(criterion)
    if ends is None:
        return _double(OUT_OF_REACH)
    actual, scale = rule.actual(index), _double(relative_to(criterion))
    return Case(
        When(IsNull(actual, True), then=_double(OUT_OF_REACH)),
        When(LessThan(actual, _double(ends.low)), then=(_double(ends.low) - actual) / scale),
        When(GreaterThan(actual, _double(ends.high)), then=(actual - _double(ends.high)) / scale),
        default=_double(0),
        **_FLOAT,
    )


def _double(number: float) -> Cast:
    return Cast(Value(float(number)), FloatField())
