"""How to divide the values of a signal into the bars of a chart, so that a threshold falls between two."""

import math
from dataclasses import dataclass
from typing import Final

from advancement.criteria.rules import CriterionDefinition
from advancement.criteria.signals import SIGNALS, Signal, Unit
from advancement.criteria.wording import format_number

# About as many bars as a chart has room for.
_BARS: Final = 12
_DIGITS: Final = 10
# Thresholds on either side of the present one that "how many at N" looks at.
_STEPS_EACH_SIDE: Final = 3


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

    def fitting(self, signal: Signal) -> "Spread":
        """Return a spread of which all is shown, where a chart has room for all."""
        if self.highest - self.lowest <= _BARS * _least_step(signal):
            return Spread(self.lowest, self.highest, self.lowest, self.highest)
        return self


def thresholds_around(criterion: CriterionDefinition) -> list[float]:
    """Return a criterion's threshold and some round steps up and down from it, in order."""
    signal, threshold = SIGNALS[criterion.signal], float(criterion.threshold)
    step = 0.05 if signal.unit is Unit.SCORE else 1.0
    if threshold:
        least, wanted = _least_step(signal), threshold / 10
        step = _round_step(wanted, up=False) if wanted > least else least
    steps = (step * n for n in range(-_STEPS_EACH_SIDE, _STEPS_EACH_SIDE + 1) if n)
    around = (round(threshold + distance, _DIGITS) for distance in steps)
    return sorted({threshold, *(number for number in around if signal.low <= number <= signal.high)})


def _least_step(signal: Signal) -> float:
    return 0.01 if signal.unit is Unit.SCORE else 1.0


def _round_step(width: float, *, up: bool) -> float:
    """Return 1, 2 or 5 times a power of ten, the next above or below."""
    power = 10.0 ** math.floor(math.log10(width))
    steps = [round(power * factor, _DIGITS) for factor in (1, 2, 5, 10)]
    if up:
        return next(step for step in steps if step >= width * (1 - 1e-9))
    return next(step for step in reversed(steps) if step <= width * (1 + 1e-9))


def _step_for(signal: Signal, spread: Spread) -> float:
    """Return a round width of bars, at which about a dozen of them show most values."""
    width = (spread.high - spread.low) / _BARS
    least = _least_step(signal)
    return least if width <= least else _round_step(width, up=True)


def cuts_for(criterion: CriterionDefinition, spread: Spread | None) -> list[Cut]:
    """Return the borders between bars, in order: regular ones over most of the values, and the threshold's.

    The grid is laid so that the threshold is on it. What lies below the first and above the last border
    is a bar as well.
    """
    signal = SIGNALS[criterion.signal]
    own = _threshold_cuts(criterion, signal)
    cuts = {cut.value: cut for cut in own}
    if spread:
        spread = spread.fitting(signal)
        step = _step_for(signal, spread)
        first = math.floor((spread.low - own[0].shown) / step)
        last = math.ceil((spread.high - own[0].shown) / step)
        for number in range(first, last + 1):
            cut = _moved(own[0], number * step, signal)
            if spread.lowest < cut.value <= spread.highest and cut.shown > signal.low:
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


def label(low: Cut | None, high: Cut | None, signal: Signal) -> str:
    """Name the bar between two borders; None is no border, so that the bar reaches to the last value."""
    start = low.shown if low else signal.low
    if high is None:
        return f"{format_number(start)}+"
    end = high.shown - 1 if signal.integral else high.shown
    if end <= start:
        return format_number(start)
    return f"{format_number(start)}–{format_number(end)}"
