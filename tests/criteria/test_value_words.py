"""Values and gaps of signals as people read them."""

import pytest

from advancement.criteria.sentences import gap_words, value_words
from advancement.criteria.wording import percent_words


@pytest.mark.parametrize(
    ("signal", "value", "said"),
    [
        ("citations", 1234.0, "1,234"),
        ("qualityScore", 0.42, "0.42"),
        ("qualityScore", 0.123456, "0.1235"),
        ("daysInTier", 315.3589, "315.3"),
        ("daysInTier", 29.96, "29.9"),
        ("daysInTier", 30.0, "30"),
        ("daysInTier", 0.3, "0.3"),
        ("citations", None, "unknown"),
    ],
)
def test_days_are_rounded_down_and_scores_have_four_decimals(
    signal: str, value: float | None, said: str
) -> None:
    assert value_words(signal, value) == said


@pytest.mark.parametrize(
    ("signal", "gap", "said"),
    [
        ("daysInTier", 0.04, "0.1"),
        ("daysInTier", 29.0, "29"),
        ("citations", 2, "2"),
        ("qualityScore", 0.03, "0.03"),
    ],
)
def test_what_is_missing_is_rounded_up_where_the_value_is_rounded_down(
    signal: str, gap: float, said: str
) -> None:
    assert gap_words(signal, gap) == said


@pytest.mark.parametrize(("share", "said"), [(0.5, "50 %"), (0.125, "12.5 %"), (1, "100 %"), (0.29, "29 %")])
def test_shares_are_said_in_percent(share: float, said: str) -> None:
    assert percent_words(share).replace("\u00a0", " ") == said
