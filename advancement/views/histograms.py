"""The histogram of a signal as geometry for an SVG: bars, axis, and where the threshold stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from advancement.criteria.sentences import SYMBOLS, signal_words
from advancement.criteria.signals import WINDOW_DAYS, Period
from advancement.criteria.wording import format_number
from advancement.evaluation.histogram import Bin, Histogram

WIDTH: Final = 560
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _FLOOR = 44, 556, 26, 156
_GAP: Final = 0.15
# A bar that stands for somebody is visible.
_LEAST_HEIGHT: Final = 1.5
_CHARACTER: Final = 6.2
_MARK_ROOM: Final = 130


@dataclass(frozen=True)
class Bar:
    """One bin; `shown` says whether there is room for its label."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    meets: bool
    count: int
    label: str
    shown: bool

    @property
    def count_y(self) -> float:
        """Where its count stands."""
        return round(self.y - 5, 1)


@dataclass(frozen=True)
class GridLine:
    """A line across, with its number."""

    y: float
    number: int

    @property
    def text_y(self) -> float:
        """Where the number stands."""
        return round(self.y + 4, 1)


@dataclass(frozen=True)
class Mark:
    """A side of the threshold."""

    x: float


@dataclass(frozen=True)
class Beside:
    """Where a text stands beside the mark."""

    x: float
    anchor: str


@dataclass(frozen=True)
class Chart:
    """A drawn histogram; `at` is how many match at which threshold, and whether that is the present one."""

    signal: str
    period: str
    total: int
    unknown: int
    condition: str
    matches: int
    bars: tuple[Bar, ...]
    lines: tuple[GridLine, ...]
    marks: tuple[Mark, ...]
    said: Beside
    stay: Beside | None
    at: tuple[tuple[str, int, bool], ...]
    exact: bool

    @property
    def stays(self) -> int:
        """How many do not match."""
        return self.total - self.matches

    @property
    def description(self) -> str:
        """All figures in a sentence, for those who do not see them."""
        bars = ", ".join(f"{bar.label}: {format_number(bar.count)}" for bar in self.bars)
        unknown = f" Unknown for {format_number(self.unknown)}." if self.unknown else ""
        return f"{bars}.{unknown} At {self.condition}, {format_number(self.matches)} sprouts match the rule."


def draw(histogram: Histogram) -> Chart:
    """Return where everything stands."""
    bins = histogram.bins
    lines = _lines(max((b.count for b in bins), default=0))
    bars = tuple(_bars(bins, lines[-1].number))
    marks = tuple(
        Mark(round(_edge(index + 1, len(bins)), 1))
        for index, (left, right) in enumerate(pairwise(bins))
        if left.meets != right.meets
    )
    symbol = SYMBOLS.get(histogram.operator, histogram.operator)
    said, stay = _beside(marks, bool(bins) and bins[0].meets)
    at = dict(histogram.at)
    days = WINDOW_DAYS.get(Period(histogram.period))
    return Chart(
        signal=signal_words(histogram.signal),
        period=f"last {days} days" if days else "all time",
        total=sum(b.count for b in bins) + histogram.unknown,
        unknown=histogram.unknown,
        condition=f"{symbol} {format_number(histogram.threshold)}",
        matches=at.get(histogram.threshold, 0),
        bars=bars,
        lines=lines,
        marks=marks,
        said=said,
        stay=stay,
        at=tuple(
            (f"{symbol} {format_number(threshold)}", count, threshold == histogram.threshold)
            for threshold, count in histogram.at
        ),
        exact=histogram.exact,
    )


def _beside(marks: Sequence[Mark], leftward: bool) -> tuple[Beside, Beside | None]:
    """Return where it says how many match, on their side of the mark, and how many stay, on the other."""
    if not marks:
        return Beside(_RIGHT, "end"), None
    left, right = Beside(round(marks[0].x - 7, 1), "end"), Beside(round(marks[-1].x + 7, 1), "start")
    room = {left: left.x - _LEFT > _MARK_ROOM, right: _RIGHT - right.x > _MARK_ROOM}
    own, other = (left, right) if leftward else (right, left)
    if not room[own]:
        return other, None
    return own, other if room[other] and len(marks) == 1 else None


def _edge(index: int, number: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * index / max(number, 1)


def _bars(bins: Sequence[Bin], top: int) -> list[Bar]:
    slot = (_RIGHT - _LEFT) / max(len(bins), 1)
    widest = max((len(b.label) for b in bins), default=0) * _CHARACTER
    every = max(math.ceil(widest / slot), 1)
    bars = []
    for index, found in enumerate(bins):
        height = max((_FLOOR - _TOP) * found.count / top, _LEAST_HEIGHT) if found.count else 0.0
        left = _edge(index, len(bins))
        bars.append(
            Bar(
                x=round(left + slot * _GAP / 2, 1),
                y=round(_FLOOR - height, 1),
                width=round(slot * (1 - _GAP), 1),
                height=round(height, 1),
                middle=round(left + slot / 2, 1),
                meets=found.meets,
                count=found.count,
                label=found.label,
                shown=index % every == 0,
            )
        )
    return bars


def _lines(most: int) -> tuple[GridLine, ...]:
    """Return three round steps that reach the highest bar, and the floor."""
    step = _round_up(max(most, 1) / 3)
    return tuple(
        GridLine(round(_FLOOR - (_FLOOR - _TOP) * number / 3, 1), step * number) for number in range(4)
    )


def _round_up(value: float) -> int:
    power = 10.0 ** math.floor(math.log10(max(value, 1)))
    steps = (math.ceil(nice * power) for nice in (1, 2, 2.5, 4, 5, 10))
    return next(step for step in steps if step >= value)
