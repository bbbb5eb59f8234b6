"""The histogram as geometry: all within the picture, the mark between what matches and what does not."""

from itertools import pairwise

import pytest

from advancement.evaluation.histogram import Bin, Histogram
from advancement.views.histograms import HEIGHT, WIDTH, draw


def histogram(*counts: int, threshold: float = 2, operator: str = ">=", unknown: int = 0) -> Histogram:
    """Return the histogram of a count with a bin for each whole number from 0 on."""
    bins = tuple(
        Bin(n, n, count, str(n), n >= threshold if operator == ">=" else n <= threshold)
        for n, count in enumerate(counts)
    )
    matches = sum(b.count for b in bins if b.meets)
    return Histogram(
        "uniqueSessions", "all_time", bins, unknown, threshold, operator, ((threshold, matches),)
    )


@pytest.mark.parametrize(
    "counts", [(0, 0), (1,), (5, 0, 3), (0, 246, 200, 85, 46), (999_999, 1), tuple(range(16)), (3, 3, 3)]
)
def test_every_bar_stands_on_the_floor_within_the_picture_and_is_as_high_as_its_count(
    counts: tuple[int, ...],
) -> None:
    chart = draw(histogram(*counts))
    assert len(chart.bars) == len(counts)
    floor = chart.lines[0].y
    for bar, count in zip(chart.bars, counts, strict=True):
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH
        assert bar.y + bar.height == pytest.approx(floor, abs=0.11)
        assert 0 < bar.count_y <= HEIGHT
        assert bool(bar.height) == bool(count)
    high = [bar for bar in chart.bars if bar.height > 2]
    for one, other in pairwise(high):
        assert one.height / other.height == pytest.approx(one.count / other.count, rel=0.05)
    numbers = [line.number for line in chart.lines]
    assert numbers[-1] >= max(counts)
    assert numbers == sorted(set(numbers))


def test_the_mark_stands_between_what_matches_and_what_does_not() -> None:
    chart = draw(histogram(0, 246, 200, 85, 46))
    (mark,) = chart.marks
    assert chart.bars[1].x + chart.bars[1].width < mark.x < chart.bars[2].x
    assert [bar.meets for bar in chart.bars] == [False, False, True, True, True]
    assert (chart.condition, chart.matches, chart.stays) == ("≥ 2", 331, 246)
    assert chart.said.anchor == "start"
    assert chart.said.x > mark.x


def test_what_matches_is_said_on_its_own_side_where_there_is_room() -> None:
    below = draw(histogram(5, 4, 3, 2, 1, threshold=2, operator="<="))
    assert below.said.anchor == "end"
    assert below.stay
    late = draw(histogram(*[1] * 16, threshold=15))
    assert late.said.anchor == "end"
    assert late.stay is None
    nothing = draw(histogram(1, 1, threshold=9))
    assert nothing.marks == ()


def test_all_figures_are_told_in_words_as_well() -> None:
    chart = draw(histogram(0, 1246, 200, unknown=3))
    assert chart.description == "0: 0, 1: 1,246, 2: 200. Unknown for 3. At ≥ 2, 200 sprouts match the rule."
    assert chart.total == 1449


def test_labels_that_would_run_into_each_other_are_thinned_out() -> None:
    bins = tuple(Bin(n, n, 1, f"{n},000–{n},999", True) for n in range(16))
    chart = draw(Histogram("views", "last_30d", bins, 0, 1, ">=", ((1, 16),)))
    shown = [bar for bar in chart.bars if bar.shown]
    assert 2 <= len(shown) <= 6
    assert shown[1].middle - shown[0].middle > len(shown[0].label) * 6
    assert chart.period == "last 30 days"
