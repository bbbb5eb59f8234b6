"""The record that every refresh leaves, and its totals."""

from datetime import timedelta

from advancement.aggregation import refresh_signals
from advancement.criteria.signals import Period
from advancement.models import LifecycleModel, SignalAggregation, SignalRefresh, Sprout
from tests.aggregation.conftest import AS_OF, make_event, make_sprout
from tests.factories import make_signals


def test_it_records_what_was_done(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    record = refresh_signals(as_of=AS_OF)
    assert record == SignalRefresh.objects.get()
    assert (record.kind, record.periods, record.as_of) == ("aggregation", [p.value for p in Period], AS_OF)
    assert (record.full, record.sprouts) == (True, 1)
    assert record.started_at <= record.finished_at
    assert record.totals["botanical"]["view_count"] == 1


def test_an_incremental_refresh_moves_the_totals_on(sprout: Sprout) -> None:
    LifecycleModel.objects.create(slug="academic", label="Academic")
    paper = make_sprout(lifecycle_model_id="academic")
    make_event(sprout, AS_OF)
    refresh_signals(as_of=AS_OF)
    make_event(sprout, AS_OF)
    make_event(paper, AS_OF - timedelta(days=9), "sprout_rated", rating="up")
    record = refresh_signals()
    assert not record.full
    assert record.totals == SignalAggregation.objects.totals()
    assert record.totals["botanical"]["view_count"] == 2
    assert record.totals["academic"]["upvotes"] == 1


def test_totals_include_rows_that_were_imported(sprout: Sprout) -> None:
    SignalAggregation.objects.create(sprout=sprout, period=Period.ALL_TIME, view_count=7, computed_at=AS_OF)
    make_event(make_sprout(), AS_OF)
    assert refresh_signals(as_of=AS_OF).totals["botanical"]["view_count"] == 8


def test_a_refresh_without_all_time_keeps_the_totals(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    first = refresh_signals(as_of=AS_OF)
    make_event(sprout, AS_OF)
    assert refresh_signals(periods=[Period.LAST_30D]).totals == first.totals


def test_deleted_sprouts_no_longer_count_in_the_totals(sprout: Sprout) -> None:
    imported, used = make_sprout(), make_sprout()
    make_signals(imported, views=7)
    make_event(sprout, AS_OF)
    make_event(used, AS_OF)
    assert refresh_signals(as_of=AS_OF).totals["botanical"]["view_count"] == 9
    used.delete()
    one = refresh_signals()
    assert (one.full, one.totals["botanical"]["view_count"]) == (False, 8)
    imported.delete()
    make_event(sprout, AS_OF)
    two = refresh_signals()
    assert (two.full, two.totals["botanical"]["view_count"]) == (False, 2)
    assert two.totals == SignalAggregation.objects.totals()


def test_sprouts_deleted_by_sql_no_longer_count_either(sprout: Sprout) -> None:
    make_event(sprout, AS_OF)
    make_signals(make_sprout(title="gone"), views=7)
    refresh_signals(as_of=AS_OF)
    gone = Sprout.objects.filter(title="gone")
    SignalAggregation.objects.filter(sprout__in=gone)._raw_delete("default")
    gone._raw_delete("default")
    assert refresh_signals().totals["botanical"]["view_count"] == 1


def test_a_refresh_without_all_time_leaves_deleted_sprouts_to_the_next_one(sprout: Sprout) -> None:
    gone = make_sprout()
    make_event(sprout, AS_OF)
    make_event(gone, AS_OF)
    first = refresh_signals(as_of=AS_OF)
    gone.delete()
    assert refresh_signals(periods=[Period.LAST_7D]).totals == first.totals
    assert refresh_signals().totals["botanical"]["view_count"] == 1
