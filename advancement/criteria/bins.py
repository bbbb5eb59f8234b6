"""How to divide the values of a signal into the bars of a chart, so that a threshold falls between two."""

import math
from dataclasses import dataclass
from typing import Final

from advancement.criteria.rules import CriterionDefinition
from advancement.criteria.signals import SIGNALS, Signal
from advancement.criteria.wording import format_number

# About as many bars as a chart has room for.
_BARS: Final = 12
_DIGITS: Final = 10


@dataclass(frozen=True)
class Cut:
    """Where one bar ends and the next begins: values from `value` on are in the next one.

    `shown` is the number at the border; it differs from `value` by the last digit of a double where the
    border itself belongs to the bar below.
    """

    value: float
    shown: float


@dataclass(frozen=True)
class Spread:
    """Where values lie: the smallest and the largest, and between which most of them are."""

    lowest: float
    highest: float
    low: float
    high: float


def step_for(criterion: CriterionDefinition, spread: Spread | None) -> float:
    """Return a round width of bars, at which about a dozen of them show most values."""
    signal = SIGNALS[criterion.signal]
    width = (spread.high - spread.low) / _BARS if spread else 0.0
    least = 1.0 if signal.integral else 0.01
    if width <= least:
        return least
    power = 10.0 ** math.floor(math.log10(width))
    return next(round(power * f, _DIGITS) for f in (1, 2, 5, 10) if power * f >= width * (1 - 1e-9))


def cuts_for(criterion: CriterionDefinition, spread: Spread | None) -> list[Cut]:
    """Return the borders between bars, in order: regular ones over most of the values, and the threshold's.

    The grid is laid so that the threshold is on it. What lies below the first and above the last border
    is a bar as well.
    """
    signal = SIGNALS[criterion.signal]
    own = _threshold_cuts(criterion, signal)
    cuts = {cut.value: cut for cut in own}
    if spread:
        step = step_for(criterion, spread)
        first = math.floor((spread.low - own[0].shown) / step)
        last = math.ceil((spread.high - own[0].shown) / step)
        for number in range(first, last + 1):
            cut = _moved(own[0], number * step, signal)
            if spread.lowest < cut.value <= spread.highest:
                cuts.setdefault(cut.value, cut)
    return [cuts[value] for value in sorted(cuts) if value > signal.low]


def _threshold_cuts(criterion: CriterionDefinition, signal: Signal) -> list[Cut]:
    threshold = float(criterion.threshold)
    beyond = math.nextafter(threshold, math.inf)
    if signal.integral:
        threshold, beyond = float(math.ceil(threshold)), float(math.floor(threshold) + 1)
    at, after = Cut(threshold, threshold), Cut(beyond, beyond if signal.integral else threshold)
    match criterion.operator:
        case "==":
            return [at, after]
        case ">" | "<=":
            return [after]
        case _:
            return [at]


def _moved(cut: Cut, distance: float, signal: Signal) -> Cut:
    shown = round(cut.shown + distance, _DIGITS)
    below = not signal.integral and cut.value > cut.shown
    return Cut(math.nextafter(shown, math.inf) if below else shown, shown)


def label(low: Cut | None, high: Cut | None, spread: Spread | None, signal: Signal) -> str:
    """Name the bar between two borders; None is no border, so that the bar reaches to the last value."""
    start = low.shown if low else signal.low
    if high is None:
        if spread and spread.highest <= start and not signal.integral:
            return format_number(start)
        return f"{format_number(start)}+"
    end = high.shown - 1 if signal.integral else high.shown
    if end <= start:
        return format_number(start)
    return f"{format_number(start)}–{format_number(end)}"
