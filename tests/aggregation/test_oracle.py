"""Incremental in steps, full, and a plain-Python oracle must agree to the last bit."""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from advancement.aggregation import refresh, refresh_signals
from advancement.models import DirtySprout, SignalAggregation, UsageEvent
from advancement.models.sprouts import UsageEventType
from tests.aggregation.conftest import event, make_sprout, stored_rows
from tests.aggregation.oracle import expected_rows

NOW = datetime(2026, 3, 6, tzinfo=UTC)
# Instants on, beside and between the ends of the windows, and in the future.
instants = st.builds(
    lambda days, microseconds: NOW + timedelta(days=days, microseconds=microseconds),
    st.sampled_from([-400, -60, -30, -29, -8, -7, -6, -1, 0, 1, 5, 23, 30]),
    st.sampled_from([-1, 0, 1, 43_200_000_000]),
)
names = st.sampled_from(["", "a", "A", "b", "é", " ", "c", "d", "e", "f", "g"])
drawn_events = st.fixed_dictionaries(
    {
        "sprout": st.integers(0, 2),
        "at": instants,
        "event_type": st.sampled_from(["sprout_viewed"] * 5 + UsageEventType.values),
        "session_id": names.filter(bool),
        "user_id": names,
        "lens_id": names,
        "hub_id": names,
        "query_hash": names,
    },
    optional={"vote": st.sampled_from(["up", "down"])},
)
# Each step: how far the clock goes on, the events that are new by then, how many old ones are deleted.
steps = st.lists(
    st.tuples(
        st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(days=23)]),
        st.lists(drawn_events, max_size=25),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=4,
)


class TestAgainstTheOracle(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=steps)
    def test_incremental_equals_full_equals_oracle(self, steps) -> None:
        sprouts = [make_sprout() for _ in range(3)]
        real_clock, now = refresh.database_now, NOW
        self.addCleanup(setattr, refresh, "database_now", real_clock)
        ids = count()
        for passed, drawn, deleted in steps:
            now += passed
            UsageEvent.objects.bulk_create(_event(sprouts, next(ids), **fields) for fields in drawn)
            # Down to one event: the rows of a sprout that lost all of its events are kept on purpose.
            for sprout in sprouts[:deleted]:
                for extra in sprout.usage_events.order_by("id")[1:3]:
                    extra.delete()
            refresh.database_now = lambda using, now=now: now
            record = refresh_signals()
            assert stored_rows() == expected_rows(now)
            assert record.totals == SignalAggregation.objects.totals()
            assert not DirtySprout.objects.exists()
        refresh_signals(full=True)
        assert stored_rows() == expected_rows(now)


def _event(sprouts, number, *, sprout, at, event_type, vote=None, **fields) -> UsageEvent:
    if vote:
        event_type = "sprout_rated"
    rating = (vote or "up") if event_type == "sprout_rated" else ""
    return event(sprouts[sprout], at, event_type, id=f"drawn-{number}", rating=rating, **fields)
