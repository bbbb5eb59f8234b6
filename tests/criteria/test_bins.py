"""The bars of a chart: few, in order, and each on one side of the threshold."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advancement.criteria.bins import Cut, Spread, cuts_for, label, thresholds_around
from advancement.criteria.rules import CriterionDefinition, Operator
from advancement.criteria.signals import SIGNALS
from tests.criteria.cast import criterion
from tests.oracle import COMPARE

NAMES = ("citations", "qualityScore", "daysInTier", "daysActive")


@st.composite
def cases(draw: st.DrawFn) -> tuple[CriterionDefinition, Spread, list[float]]:
    """Draw a criterion, and values with where they lie."""
    signal = SIGNALS[draw(st.sampled_from(NAMES))]
    top = min(signal.high, 10.0 ** draw(st.integers(0, 6)))
    numbers = st.floats(0, top) if not signal.integral else st.integers(0, int(top)).map(float)
    values = sorted(draw(st.lists(numbers, min_size=1, max_size=30)))
    low, high = values[len(values) // 20], values[-1 - len(values) // 20]
    threshold = draw(st.one_of(numbers, st.sampled_from(values)))
    asked = CriterionDefinition(signal.name, draw(st.sampled_from(list(Operator))), threshold)
    return asked, Spread(values[0], values[-1], low, high), values


@given(cases())
def test_bars_are_few_in_order_and_on_one_side_of_the_threshold(
    case: tuple[CriterionDefinition, Spread, list[float]],
) -> None:
    asked, spread, values = case
    cuts = [cut.value for cut in cuts_for(asked, spread)]
    assert cuts == sorted(set(cuts))
    assert len(cuts) <= 18
    for low, high in pairwise([-1.0, *cuts, float("inf")]):
        met = {COMPARE[asked.operator](v, asked.threshold) for v in values if low <= v < high}
        assert len(met) <= 1


@given(cases())
def test_thresholds_around_are_valid_and_include_the_present_one(
    case: tuple[CriterionDefinition, Spread, list[float]],
) -> None:
    asked = case[0]
    around, signal = thresholds_around(asked), SIGNALS[asked.signal]
    assert asked.threshold in around
    assert around == sorted(set(around))
    assert 4 <= len(around) <= 7
    assert all(signal.low <= number <= signal.high for number in around)


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("citations >= 0", [0, 1, 2, 3]),
        ("citations >= 4", [1, 2, 3, 4, 5, 6, 7]),
        ("citations >= 25", [19, 21, 23, 25, 27, 29, 31]),
        ("views >= 500000", [350_000, 400_000, 450_000, 500_000, 550_000, 600_000, 650_000]),
        ("qualityScore >= 0.6", [0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75]),
        ("qualityScore > 1", [0.7, 0.8, 0.9, 1]),
        ("qualityScore >= 0", [0, 0.05, 0.1, 0.15]),
    ],
)
def test_how_many_at_n_looks_at_round_steps(text: str, around: list[float]) -> None:
    assert thresholds_around(criterion(text)) == around


def test_the_border_belongs_to_the_side_that_the_comparison_says() -> None:
    spread = Spread(0, 1, 0, 1)
    at_least = cuts_for(criterion("qualityScore >= 0.5"), spread)
    above = cuts_for(criterion("qualityScore > 0.5"), spread)
    assert [cut.shown for cut in at_least] == [n / 10 for n in range(1, 11)]
    assert [cut.shown for cut in above] == [n / 10 for n in range(1, 10)]
    assert all(cut.value == cut.shown for cut in at_least)
    assert all(cut.value > cut.shown for cut in above)


def test_where_there_is_room_rare_values_have_bars_of_their_own() -> None:
    cuts = cuts_for(criterion("refinements >= 3"), Spread(lowest=1, highest=2, low=1, high=1))
    assert [cut.shown for cut in cuts] == [2, 3]


@pytest.mark.parametrize(
    ("low", "high", "name", "text"),
    [
        (None, Cut(1, 1), "citations", "0"),
        (Cut(5, 5), Cut(10, 10), "citations", "5–9"),
        (Cut(10_000, 10_000), None, "citations", "10,000+"),
        (Cut(0.35, 0.35), Cut(0.4, 0.4), "qualityScore", "0.35–0.4"),
    ],
)
def test_bars_are_named(low: Cut | None, high: Cut | None, name: str, text: str) -> None:
    assert label(low, high, SIGNALS[name]) == text
