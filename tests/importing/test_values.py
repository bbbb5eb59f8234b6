"""The parsers of single values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advancement.criteria.signals import MAX_COUNT
from advancement.importing import values
from advancement.importing.outcome import BadRow

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
time = values.TimeParser(NOW)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.integers()))
def test_whatever_comes_is_parsed_or_refused_with_a_sentence(value: object) -> None:
    for parse in (
        values.text, values.optional_text, values.uuid, values.count, values.boolean, time,
        lambda v, n: values.score(v, n, 0, 1), lambda v, n: values.one_of(v, n, ["a", "b"]),
    ):  # fmt: skip
        refusal = ""
        try:
            parse(value, "it")
        except BadRow as error:
            refusal = str(error)
        assert not refusal or refusal.startswith("it ")
        assert refusal.isprintable()


@given(st.integers(0, MAX_COUNT))
def test_counts_are_the_same_as_number_and_as_text(count: int) -> None:
    assert (
        values.count(count, "n") == values.count(str(count), "n") == values.count(f"{count}.0", "n") == count
    )


@given(st.floats(0, 1))
def test_scores_are_kept_to_the_last_digit(score: float) -> None:
    assert values.score(score, "n", 0, 1) == values.score(repr(score), "n", 0, 1) == score


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2026, 1, 1)),  # noqa: DTZ001 - the zone comes from the next
    st.integers(-14 * 60, 14 * 60),
)
def test_times_are_converted_to_utc(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert datetime.fromisoformat(time(instant.isoformat(), "t") + "+00:00") == instant


def test_a_time_may_be_366_days_ahead() -> None:
    latest = NOW + timedelta(days=366)
    assert time(latest.isoformat(), "t")
    with pytest.raises(BadRow, match="in the future"):
        time((latest + timedelta(seconds=1)).isoformat(), "t")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-13x10:00",
        "2026-W03",
        "2026-003",
        "2026-01-13T24:01",
        "2026-01-13T10:00:61Z",
        "٢٠٢٦-01-13",
        "",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(BadRow, match="write a time that exists"):
        time(text, "t")
