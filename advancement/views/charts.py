"""Geometry of the charts: numbers in, coordinates out; the templates draw them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 596.0, 26.0, 208.0
_LABELLED_SHARE: Final = 0.35


@dataclass(frozen=True)
class Block:
    """A rule's part of a day's bar."""

    series: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day: its place, its blocks from the bottom up, and the figures in words.

    `back` is how many advancements were taken back on it.
    """

    day: date
    x: float
    width: float
    blocks: tuple[Block, ...]
    total: int
    figures: tuple[tuple[str, int], ...]
    labelled: bool
    dated: bool
    back: int = 0

    @property
    def middle(self) -> float:
        """Where its labels are centred."""
        return round(self.x + self.width / 2, 1)

    @property
    def mark(self) -> str:
        """The corners of the mark for what was taken back: it points down from the axis."""
        left, right, top = self.middle - 4, self.middle + 4, _BOTTOM + 2
        return f"{left:g},{top:g} {right:g},{top:g} {self.middle:g},{top + 6:g}"

    @property
    def label_y(self) -> float:
        """Where its total stands."""
        return round(min((block.y for block in self.blocks), default=_BOTTOM) - 5, 1)


@dataclass(frozen=True)
class StackedBars:
    """Days side by side, each the sum of its series."""

    names: tuple[tuple[str, int, int], ...]
    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]
    total: int
    back: int = 0

    @property
    def peak(self) -> Bar | None:
        """The day with most."""
        return max(self.bars, key=lambda bar: bar.total, default=None)


def stacked_bars(
    days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]], *, back: Sequence[int] = ()
) -> StackedBars:
    """Lay out one bar for each day; `series` are at most four, each with a count for each day.

    `back` has for each day what was taken back on it; it is marked, not drawn to scale.
    """
    totals = [sum(counts[i] for _, counts in series) for i in range(len(days))]
    steps = axis_steps(max(totals, default=0))
    top = steps[-1]
    step = (_RIGHT - _LEFT) / max(len(days), 1)
    bars = []
    for index, day in enumerate(days):
        y, blocks = _BOTTOM, []
        for number, (_, counts) in enumerate(series, start=1):
            if counts[index]:
                height = max(counts[index] / top * (_BOTTOM - _TOP), 1.0)
                y -= height
                blocks.append(Block(number, round(y, 1), round(height, 1)))
        last = index == len(days) - 1
        bars.append(
            Bar(
                day=day,
                x=round(_LEFT + index * step + step * 0.19, 1),
                width=round(step * 0.62, 1),
                blocks=tuple(blocks),
                total=totals[index],
                figures=tuple((name, counts[index]) for name, counts in series),
                labelled=totals[index] > 0 and (last or totals[index] >= _LABELLED_SHARE * top),
                dated=last or (len(days) - 1 - index) % 7 == 0,
                back=back[index] if back else 0,
            )
        )
    names = tuple((name, number, sum(counts)) for number, (name, counts) in enumerate(series, start=1))
    lines = tuple((round(_BOTTOM - step / top * (_BOTTOM - _TOP), 1), step) for step in steps)
    return StackedBars(names, tuple(bars), lines, sum(totals), sum(back))


def axis_steps(most: int) -> list[int]:
    """Return the numbers along an axis that `most` fits on: 0 and at most five round steps."""
    step = 1
    while step * 5 < most:
        # 1, 2, 5, 10, 20, 50 …
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return [step * n for n in range(max(-(-most // step), 1) + 1)]


@dataclass(frozen=True)
class Spark:
    """A row of bars without axes."""

    bars: tuple[tuple[float, float, float], ...]
    last: tuple[float, float, float]
    peak: int


def spark(counts: Sequence[int], width: float = 112, height: float = 24) -> Spark:
    """Lay out the counts as a sparkline; the last one is apart, to be marked."""
    peak, step = max(counts, default=0), width / max(len(counts), 1)
    bars = [
        (round(i * step + 0.4, 1), round(height - 1 - h, 1), round(h, 1))
        for i, h in enumerate(max(count / peak * (height - 2), 1.5) if count else 0.0 for count in counts)
    ]
    return Spark(tuple(bar for bar in bars[:-1] if bar[2]), bars[-1] if bars else (0, 0, 0), peak)
