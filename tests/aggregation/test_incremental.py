"""What an incremental refresh looks at, and when it must be a full one."""

from datetime import UTC, datetime, timedelta

import pytest

from advancement.aggregation import refresh, refresh_signals
from advancement.criteria.signals import Period
from advancement.models import DirtySprout, SignalAggregation, SignalRefresh, Sprout, UsageEvent
from tests.aggregation.conftest import AS_OF, make_event, make_sprout, stored

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


class Clock:
    """A database clock that stands still until it is set."""

    now = AS_OF

    def refresh(self, at: datetime, **options) -> SignalRefresh:
        self.now = at
        return refresh_signals(**options)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refresh, "database_now", lambda using: clock.now)
    return clock


def test_the_first_is_full_and_the_next_is_not(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    first = clock.refresh(AS_OF)
    second = clock.refresh(AS_OF + DAY)
    assert (first.full, first.sprouts) == (True, 1)
    assert (second.full, second.sprouts) == (False, 0)


def test_only_the_sprouts_whose_events_changed_are_computed(clock: Clock, sprout: Sprout) -> None:
    other = make_sprout()
    make_event(sprout, AS_OF - 100 * DAY)
    make_event(other, AS_OF - 100 * DAY)
    clock.refresh(AS_OF)
    make_event(other, AS_OF - 90 * DAY)
    record = clock.refresh(AS_OF + DAY)
    assert record.sprouts == 1
    assert stored(other).view_count == 2
    assert stored(sprout).computed_at == AS_OF
    assert stored(other).computed_at == AS_OF + DAY
    assert not DirtySprout.objects.exists()


def test_a_deleted_event_no_longer_counts(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    gone = make_event(sprout, AS_OF)
    clock.refresh(AS_OF)
    gone.delete()
    clock.refresh(AS_OF + DAY)
    assert stored(sprout).view_count == 1


@pytest.mark.parametrize(("period", "days"), [(Period.LAST_30D, 30), (Period.LAST_7D, 7)])
def test_an_event_ages_out_of_a_window(clock: Clock, sprout: Sprout, period: Period, days: int) -> None:
    make_event(sprout, AS_OF - 6 * DAY)
    clock.refresh(AS_OF)
    leaves = AS_OF - 6 * DAY + days * DAY
    clock.refresh(leaves)
    assert stored(sprout, period).view_count == 1
    record = clock.refresh(leaves + MICROSECOND)
    assert (record.full, record.sprouts) == (False, 1)
    assert stored(sprout, period).view_count == 0
    assert stored(sprout).view_count == 1


def test_a_future_event_enters_when_its_time_comes(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF + DAY)
    clock.refresh(AS_OF)
    clock.refresh(AS_OF + DAY - MICROSECOND)
    assert not SignalAggregation.objects.exists()
    record = clock.refresh(AS_OF + DAY)
    assert (record.full, record.sprouts) == (False, 1)
    assert stored(sprout, Period.LAST_7D).view_count == 1


def test_an_event_moved_into_the_future_takes_the_rows_along(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    clock.refresh(AS_OF)
    UsageEvent.objects.update(created_at=AS_OF + 9 * DAY)
    record = clock.refresh(AS_OF + DAY)
    assert (record.full, record.sprouts) == (False, 0)
    assert not SignalAggregation.objects.exists()
    assert record.totals == {}


def test_a_refresh_of_one_period_leaves_the_dirty_to_the_others(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    clock.refresh(AS_OF)
    make_event(sprout, AS_OF)
    one = clock.refresh(AS_OF + DAY, periods=[Period.LAST_7D])
    assert not one.full
    assert stored(sprout, Period.LAST_7D).view_count == 2
    assert stored(sprout).view_count == 1
    clock.refresh(AS_OF + DAY)
    assert stored(sprout).view_count == 2
    assert not DirtySprout.objects.exists()


def test_it_starts_from_the_period_that_was_left_behind(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF - 29 * DAY)
    clock.refresh(AS_OF)
    clock.refresh(AS_OF + 3 * DAY, periods=[Period.LAST_7D])
    record = clock.refresh(AS_OF + 4 * DAY)
    assert not record.full
    assert stored(sprout, Period.LAST_30D).view_count == 0


def test_a_period_never_computed_needs_a_full_refresh(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    clock.refresh(AS_OF, periods=[Period.LAST_7D])
    assert clock.refresh(AS_OF).full


def test_signals_of_a_later_time_need_a_full_refresh(clock: Clock, sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    refresh_signals(as_of=AS_OF + 50 * DAY)
    assert clock.refresh(AS_OF).full
    assert stored(sprout, Period.LAST_7D).view_count == 1


def test_an_as_of_is_always_full(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    assert refresh_signals(as_of=AS_OF).full
    assert refresh_signals(as_of=AS_OF + DAY).full


def test_it_refuses_no_periods_and_a_time_without_zone(db: None) -> None:
    with pytest.raises(ValueError, match="at least one period"):
        refresh_signals(periods=[])
    with pytest.raises(ValueError, match="time zone"):
        refresh_signals(as_of=AS_OF.replace(tzinfo=None))
    assert AS_OF.tzinfo is UTC
