"""Signals that were aggregated elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from advancement.aggregation import refresh_signals
from advancement.models import DirtySprout, SignalAggregation, SignalRefresh, Sprout
from tests.aggregation.conftest import make_event
from tests.factories import CREATED, make_signals, make_sprout
from tests.importing.conftest import FERN, MOSS, event_row, jsonl, run, signal_row

Write = Callable[..., str]
pytestmark = pytest.mark.usefixtures("grove")


def stored(sprout: str = FERN, period: str = "all_time") -> SignalAggregation:
    return SignalAggregation.objects.get(sprout_id=sprout, period=period)


def test_what_is_empty_null_or_missing_is_unknown(write: Write) -> None:
    table = f"document_id,period,view_count,upvotes,utility_score\n{FERN},all_time,012.0,, \n"
    assert run("import_signals", write(table)).out == "1 signal row read: 1 new, 0 updated, 0 unchanged.\n"
    row = stored()
    assert (row.view_count, row.upvotes, row.utility_score, row.days_active) == (12, None, None, None)
    assert not row.advancement_eligible


def test_a_row_replaces_the_stored_one_as_a_whole(write: Write) -> None:
    run("import_signals", write(jsonl(signal_row(upvotes=3, utility_score=-1))))
    run("import_signals", write(jsonl(signal_row(view_count=13))))
    row = stored()
    assert (row.view_count, row.upvotes, row.utility_score) == (13, None, None)


def test_an_unchanged_row_is_not_rewritten(write: Write) -> None:
    path = write(jsonl(signal_row(), signal_row(sprout_id=MOSS)))
    run("import_signals", path)
    computed = stored().computed_at
    assert run("import_signals", path).out.endswith("0 new, 0 updated, 2 unchanged.\n")
    assert stored().computed_at == computed


def test_computed_at_is_kept_when_it_is_given(write: Write) -> None:
    run("import_signals", write(jsonl(signal_row(computed_at="2026-02-01"))))
    assert stored().computed_at == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "eligible"),
    [
        ({"quality_score": 0.6, "view_count": 10}, True),
        ({"quality_score": 0.59, "view_count": 10}, False),
        ({"quality_score": 0.6, "view_count": 9}, False),
        ({"quality_score": 0.6, "view_count": None}, False),
        ({"quality_score": 0.1, "advancement_eligible": True}, True),
        ({"quality_score": "0.9", "view_count": "99", "advancement_eligible": "f"}, False),
    ],
)
def test_eligibility_follows_from_quality_and_views_unless_given(
    given: dict, eligible: bool, write: Write
) -> None:
    run("import_signals", write(jsonl(signal_row(**given))))
    assert stored().advancement_eligible is eligible


def test_the_import_is_recorded_as_a_refresh(write: Write) -> None:
    rows = [
        signal_row(upvotes=2),
        signal_row(sprout_id=MOSS, view_count=30),
        signal_row(period="last_7d", view_count=1),
    ]
    run("import_signals", write(jsonl(*rows)))
    refresh = SignalRefresh.objects.get()
    assert (refresh.kind, refresh.periods, refresh.as_of) == ("import", ["all_time", "last_7d"], None)
    assert refresh.sprouts == 2
    assert refresh.started_at <= refresh.finished_at
    assert refresh.totals["botanical"]["view_count"] == 42
    assert refresh.totals["botanical"]["upvotes"] == 2


def test_totals_of_the_largest_counts_do_not_overflow(write: Write) -> None:
    largest = 2**53 - 1
    run("import_signals", write(jsonl(*(signal_row(sprout_id=s, view_count=largest) for s in (FERN, MOSS)))))
    assert SignalAggregation.objects.totals()["botanical"]["view_count"] == 2 * largest


def test_sprouts_with_usage_events_are_left_to_the_next_aggregation(write: Write) -> None:
    run("import_events", write(jsonl(event_row())))
    DirtySprout.objects.all().delete()
    run("import_signals", write(jsonl(signal_row(), signal_row(sprout_id=MOSS))))
    assert [str(id) for id in DirtySprout.objects.values_list("sprout_id", flat=True)] == [FERN]


def _ages() -> dict[str, datetime]:
    return {period: refresh.finished_at for period, refresh in SignalRefresh.objects.by_period().items()}


def test_signals_of_fewer_than_half_of_the_sprouts_do_not_make_their_period_newer(write: Write) -> None:
    third = make_sprout().pk
    rows = [signal_row(sprout_id=str(sprout), view_count=20) for sprout in (FERN, MOSS, third)]
    run("import_signals", write(jsonl(*rows, signal_row(period="last_7d"))))
    before = _ages()
    said = run("import_signals", write(jsonl(signal_row(view_count=30)))).out
    assert "The all_time signals are no newer by it: the file has those of 1 of 3 sprouts" in said
    assert _ages() == before
    assert stored().view_count == 30
    assert SignalRefresh.objects.latest().totals["botanical"]["view_count"] == 70


def test_a_row_that_empties_known_figures_says_so_and_that_usage_is_counted_again(write: Write) -> None:
    run("import_signals", write(jsonl(signal_row(view_count=20, reference_count=4))))
    said = run("import_signals", write(jsonl(signal_row(view_count=30)))).out
    assert "1 row empties figures that were known" in said
    assert stored().reference_count is None
    assert "empties" not in run("import_signals", write(jsonl(signal_row(view_count=31)))).out
    make_event(Sprout.objects.get(pk=FERN), CREATED)
    said = run("import_signals", write(jsonl(signal_row(view_count=32)))).out
    assert "1 sprout has usage events: the next refresh computes their signals from these again." in said


def test_signals_of_half_of_the_sprouts_do_for_the_periods_that_they_are_of(write: Write) -> None:
    both = [signal_row(), signal_row(sprout_id=MOSS)]
    run("import_signals", write(jsonl(*both, *[row | {"period": "last_7d"} for row in both])))
    before = _ages()
    assert "no newer" not in run("import_signals", write(jsonl(signal_row(view_count=30)))).out
    assert _ages()["all_time"] > before["all_time"]
    assert _ages()["last_7d"] == before["last_7d"]


def test_an_import_of_a_few_signals_does_not_hide_as_of_when_the_others_are(write: Write) -> None:
    run("import_events", write(jsonl(event_row(), event_row(id="e2", sproutId=MOSS))))
    make_signals(make_sprout())
    long_ago = datetime(2026, 3, 1, tzinfo=UTC)
    refresh_signals(as_of=long_ago)
    run("import_signals", write(jsonl(signal_row(view_count=30))))
    behind = SignalRefresh.objects.behind()
    assert behind is not None
    assert (behind.as_of, behind.stands_back) == (long_ago, True)
