"""Which events count, and which sprouts have rows."""

from datetime import timedelta

import pytest

from advancement.aggregation import refresh_signals
from advancement.criteria.signals import Period
from advancement.models import SignalAggregation, Sprout, UsageEvent
from tests.aggregation.conftest import AS_OF, make_event, make_sprout, stored

MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(("period", "days"), [(Period.LAST_30D, 30), (Period.LAST_7D, 7)])
@pytest.mark.parametrize("as_of", [AS_OF, AS_OF + MICROSECOND])
def test_both_ends_of_a_window_are_inclusive(sprout: Sprout, period: Period, days: int, as_of) -> None:
    start = as_of - timedelta(days=days)
    for at in (start - MICROSECOND, start, as_of, as_of + MICROSECOND):
        make_event(sprout, at)
    refresh_signals(as_of=as_of)
    row = stored(sprout, period)
    assert (row.view_count, row.first_event_at, row.last_event_at) == (2, start, as_of)
    assert stored(sprout).view_count == 3


def test_a_sprout_with_an_event_has_all_three_rows(sprout: Sprout) -> None:
    make_event(sprout, AS_OF - timedelta(days=400))
    refresh_signals(as_of=AS_OF)
    assert set(SignalAggregation.objects.values_list("period", flat=True)) == set(Period)


def test_a_future_event_makes_no_rows(sprout: Sprout) -> None:
    make_event(sprout, AS_OF + MICROSECOND)
    record = refresh_signals(as_of=AS_OF)
    assert record.sprouts == 0
    assert not SignalAggregation.objects.exists()


def test_an_as_of_before_the_first_event_removes_the_rows(sprout: Sprout) -> None:
    other = make_sprout()
    make_event(sprout, AS_OF)
    make_event(other, AS_OF - timedelta(days=2))
    refresh_signals(as_of=AS_OF)
    record = refresh_signals(as_of=AS_OF - timedelta(days=1))
    assert set(SignalAggregation.objects.values_list("sprout", flat=True)) == {other.id}
    assert record.totals["botanical"]["view_count"] == 1


@pytest.mark.parametrize("full", [True, False])
def test_rows_of_a_sprout_without_events_are_left_alone(sprout: Sprout, full: bool) -> None:
    make_event(make_sprout(), AS_OF)
    refresh_signals(as_of=AS_OF)
    SignalAggregation.objects.create(sprout=sprout, period=Period.ALL_TIME, view_count=7, computed_at=AS_OF)
    refresh_signals(full=full)
    row = stored(sprout)
    assert (row.view_count, row.quality_score, row.computed_at) == (7, None, AS_OF)


def test_rows_stay_when_the_last_event_is_deleted(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    refresh_signals(as_of=AS_OF)
    UsageEvent.objects.all().delete()
    refresh_signals()
    assert stored(sprout).view_count == 1


def test_only_the_periods_asked_for_are_computed(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    record = refresh_signals(periods=[Period.LAST_7D, Period.LAST_7D], as_of=AS_OF)
    assert list(SignalAggregation.objects.values_list("period", flat=True)) == ["last_7d"]
    assert record.periods == ["last_7d"]
