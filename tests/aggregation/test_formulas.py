"""Each formula on a few events."""

from datetime import UTC, datetime, timedelta

import pytest

from advancement.aggregation import formulas, refresh_signals
from advancement.criteria.signals import Period
from advancement.models import SignalAggregation, Sprout, UsageEvent
from tests.aggregation.conftest import AS_OF, event, make_event, stored

MICROSECOND = timedelta(microseconds=1)


def refresh() -> None:
    refresh_signals(as_of=AS_OF)


@pytest.mark.parametrize(
    ("event_type", "column"),
    [
        ("sprout_viewed", "view_count"),
        ("sprout_retrieved", "retrieval_count"),
        ("sprout_referenced", "reference_count"),
        ("sprout_searched", "search_appearances"),
        ("sprout_exported", "export_count"),
        ("sprout_promoted", "promotion_count"),
        ("sprout_refined", "refinement_count"),
    ],
)
def test_it_counts_each_type_of_event(sprout: Sprout, event_type: str, column: str) -> None:
    make_event(sprout, AS_OF, event_type)
    make_event(sprout, AS_OF, event_type)
    refresh()
    row = stored(sprout)
    counted = {name: getattr(row, name) for name in formulas.aggregates("sqlite") if name.endswith("_count")}
    assert {name: count for name, count in counted.items() if count} | {column: getattr(row, column)} == {
        column: 2
    }


def test_it_counts_votes_and_weighs_them(sprout: Sprout) -> None:
    for rating in ("up", "up", "down"):
        make_event(sprout, AS_OF, "sprout_rated", rating=rating)
    refresh()
    row = stored(sprout)
    assert (row.upvotes, row.downvotes, row.utility_score) == (2, 1, 0.3333)


def test_only_down_votes_are_minus_one(sprout: Sprout) -> None:
    make_event(sprout, AS_OF, "sprout_rated", rating="down")
    refresh()
    assert stored(sprout).utility_score == -1


def test_distinct_counts_leave_out_the_empty(sprout: Sprout) -> None:
    make_event(sprout, AS_OF, session_id="s", user_id="", lens_id="l1", hub_id="h", query_hash="")
    make_event(sprout, AS_OF, session_id="s", user_id="u", lens_id="l2", hub_id="", query_hash="")
    make_event(sprout, AS_OF, session_id="S", user_id="u", lens_id="", hub_id="h", query_hash="")
    refresh()
    row = stored(sprout)
    distinct = (row.unique_sessions, row.unique_users, row.unique_lenses, row.unique_hubs, row.unique_queries)
    assert distinct == (2, 1, 2, 1, 0)
    assert row.diversity_index == 0.2667  # (2/10 + 2/5 + 1/5) / 3


@pytest.mark.parametrize(
    ("apart", "days"),
    [
        (timedelta(0), 1),
        (timedelta(days=1) - MICROSECOND, 1),
        (timedelta(days=1), 2),
        (timedelta(days=30) - MICROSECOND, 30),
        (timedelta(days=30), 31),
    ],
)
def test_days_active_are_whole_days_elapsed_plus_one(sprout: Sprout, apart: timedelta, days: int) -> None:
    last = datetime(2026, 3, 5, 11, 59, 59, 999_999, tzinfo=UTC)
    make_event(sprout, last)
    make_event(sprout, last - apart)
    refresh()
    row = stored(sprout)
    assert row.days_active == days
    assert (row.first_event_at, row.last_event_at) == (last - apart, last)


def test_a_date_of_long_ago_does_not_stop_the_refresh(sprout: Sprout) -> None:
    make_event(sprout, datetime(1026, 1, 1, tzinfo=UTC))
    make_event(sprout, AS_OF)
    refresh()
    assert stored(sprout).days_active == 36_525


def test_the_best_sprout_scores_one_and_is_eligible(sprout: Sprout) -> None:
    UsageEvent.objects.bulk_create(
        event(sprout, AS_OF - timedelta(days=i), session_id=f"s{i}", lens_id=f"l{i}", hub_id=f"h{i}")
        for i in range(50)
    )
    make_event(sprout, AS_OF, "sprout_rated", rating="up")
    refresh()
    row = stored(sprout)
    assert (row.utility_score, row.diversity_index, row.quality_score) == (1, 1, 1)
    assert row.advancement_eligible


def test_one_view_too_few_is_not_eligible(sprout: Sprout) -> None:
    for views in (9, 10):
        make_event(sprout, AS_OF - timedelta(days=60), "sprout_rated", rating="up")
        while UsageEvent.objects.filter(event_type="sprout_viewed").count() < views:
            name = f"v{UsageEvent.objects.count()}"
            make_event(sprout, AS_OF, session_id=name, lens_id=name, hub_id=name)
        refresh()
        assert stored(sprout).advancement_eligible is (views == 10)


def test_an_empty_window_is_zero_and_not_missing(sprout: Sprout) -> None:
    make_event(sprout, AS_OF - timedelta(days=400))
    refresh()
    row = stored(sprout, Period.LAST_7D)
    assert (row.view_count, row.days_active, row.utility_score, row.diversity_index) == (0, 0, 0, 0)
    assert (row.quality_score, row.first_event_at, row.last_event_at) == (0.15, None, None)
    assert not row.advancement_eligible


def test_every_column_of_the_table_is_written(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    refresh()
    for row in SignalAggregation.objects.filter(period=Period.ALL_TIME).values():
        assert None not in row.values()
