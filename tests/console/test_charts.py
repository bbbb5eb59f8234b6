"""The geometry of the charts."""

from datetime import date, timedelta

import pytest

from advancement.views.charts import axis_steps, spark, stacked_bars

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(30)]


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (9, [0, 2, 4, 6, 8, 10]),
        (219, [0, 50, 100, 150, 200, 250]),
        (1_000_000, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]),
    ],
)
def test_an_axis_ends_at_a_round_number_in_round_steps(most: int, steps: list[int]) -> None:
    assert axis_steps(most) == steps


def test_blocks_of_a_day_stand_on_one_another_and_are_as_high_as_their_share() -> None:
    chart = stacked_bars(DAYS, [("a", [0] * 29 + [30]), ("b", [0] * 29 + [10])])
    lower, upper = chart.bars[-1].blocks
    assert lower.height == pytest.approx(3 * upper.height, abs=0.2)
    assert upper.y + upper.height == pytest.approx(lower.y, abs=0.2)
    assert chart.bars[-1].total == 40
    assert chart.total == 40
    assert chart.peak is chart.bars[-1]


def test_bars_stay_within_the_picture() -> None:
    chart = stacked_bars(DAYS, [("a", list(range(30)))])
    assert all(bar.x >= 34 and bar.x + bar.width <= 596 for bar in chart.bars)
    assert all(block.y >= 20 for bar in chart.bars for block in bar.blocks)


def test_a_day_without_any_has_no_block_and_one_with_few_can_still_be_seen() -> None:
    chart = stacked_bars(DAYS, [("a", [0] * 28 + [1, 100_000])])
    assert chart.bars[0].blocks == ()
    assert chart.bars[28].blocks[0].height >= 1


def test_a_sparkline_of_nothing_is_a_line() -> None:
    assert spark([0] * 30).bars == ()
    assert spark([0] * 30).last[2] == 0
    assert spark([0] * 29 + [5]).last[2] == 22
