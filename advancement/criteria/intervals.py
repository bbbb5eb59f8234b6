"""The values that criteria admit, as closed intervals: what can be met, and what implies what.

Signals are IEEE doubles, counts whole ones, so that every bound has a next value and open ends are
never needed: a count above 2 is one from 3 on. A value may also be unknown, which lies in no interval.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advancement.criteria.rules import CriterionDefinition, Logic, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Signal

Key = tuple[str, str]
"""A signal and its period: what has one value per sprout."""


@dataclass(frozen=True, slots=True)
class Interval:
    """All values of a signal from `low` to `high`, both included; none if `low` is above `high`."""

    low: float
    high: float

    @property
    def empty(self) -> bool:
        """Whether no value lies inside."""
        return self.low > self.high

    def __and__(self, other: "Interval") -> "Interval":
        return Interval(max(self.low, other.low), min(self.high, other.high))


Box = dict[Key, Interval]
"""A conjunction that can be met: every key has a known value within its (not empty) interval."""


def finite(number: float) -> float | None:
    """Return the number as a double, `None` if it is infinite, not a number or too large."""
    try:
        double = float(number)
    except OverflowError:  # an int beyond the largest double
        return None
    return double if math.isfinite(double) else None


def key_of(criterion: CriterionDefinition) -> Key:
    """Return what the criterion looks at; a signal of the sprout itself is the same in every period."""
    signal = SIGNALS.get(criterion.signal)
    if signal and signal.column is None:
        return criterion.signal, Period.ALL_TIME
    return criterion.signal, criterion.period


def interval_of(criterion: CriterionDefinition) -> Interval | None:
    """Return the values that meet the criterion, `None` if its names or threshold are not valid."""
    signal = SIGNALS.get(criterion.signal)
    threshold = finite(criterion.threshold)
    if signal is None or threshold is None:
        return None
    if criterion.operator not in list(Operator) or criterion.period not in list(Period):
        return None
    return _admitted(Operator(criterion.operator), threshold, signal) & Interval(signal.low, signal.high)


def _admitted(operator: Operator, threshold: float, signal: Signal) -> Interval:
    at_least = math.ceil(threshold) if signal.integral else threshold
    at_most = math.floor(threshold) if signal.integral else threshold
    match operator:
        case Operator.GTE:
            return Interval(at_least, math.inf)
        case Operator.GT:
            return Interval(_next_above(at_most, signal), math.inf)
        case Operator.EQ:
            return Interval(at_least, at_most)
        case Operator.LT:
            return Interval(-math.inf, _next_below(at_least, signal))
        case Operator.LTE:
            return Interval(-math.inf, at_most)


def _next_above(value: float, signal: Signal) -> float:
    return value + 1 if signal.integral else math.nextafter(value, math.inf)


def _next_below(value: float, signal: Signal) -> float:
    return value - 1 if signal.integral else math.nextafter(value, -math.inf)


def boxes_of(rule: RuleDefinition) -> list[Box] | None:
    """Return the conjunctions of which any one makes the rule match; none if nothing can.

    Return `None` if a criterion or the logic is not valid, so that the rule means nothing.
    """
    parts: list[Box] = []
    for criterion in rule.criteria:
        interval = interval_of(criterion)
        if interval is None:
            return None
        parts.append({key_of(criterion): interval})
    if rule.logic == Logic.ANY:
        return [part for part in parts if not _impossible(part)]
    if rule.logic == Logic.ALL:
        whole = _conjunction(parts)
        return [whole] if whole and not _impossible(whole) else []
    return None


def _conjunction(parts: Iterable[Box]) -> Box:
    whole: Box = {}
    for part in parts:
        for key, interval in part.items():
            whole[key] = whole[key] & interval if key in whole else interval
    return whole


def _impossible(box: Box) -> bool:
    return any(interval.empty for interval in box.values())


def implies(later: Sequence[Box], earlier: Sequence[Box]) -> bool:
    """Say whether every sprout that matches `later` is sure to match `earlier` (see `boxes_of`).

    A rule that nothing can meet implies nothing here: it has a worse problem than being shadowed.
    """
    if not later or not earlier:
        return False
    return all(_box_implies(box, earlier) for box in later)


def _box_implies(box: Box, earlier: Sequence[Box]) -> bool:
    if len(earlier) == 1:
        return all(key in box and _covers([wide], box[key], key) for key, wide in earlier[0].items())
    # Several boxes are the criteria of an OR, each with one key. Signals vary independently, so those
    # of one key must do alone.
    return any(
        _covers([other[key] for other in earlier if key in other], interval, key)
        for key, interval in box.items()
    )


def _covers(intervals: Iterable[Interval], target: Interval, key: Key) -> bool:
    signal = SIGNALS[key[0]]
    uncovered_from = target.low
    for interval in sorted(intervals, key=lambda interval: interval.low):
        if interval.low > uncovered_from:
            break
        uncovered_from = max(uncovered_from, _next_above(interval.high, signal))
    return uncovered_from > target.high
