"""Rules are stopped while their signals are stale or collapsed, and the run says which and why."""

from datetime import timedelta
from typing import Any

import pytest

from advancement.aggregation import refresh_signals
from advancement.evaluation.explain import explain
from advancement.evaluation.plan import make_plan
from advancement.models import LeftOut, Run, SignalRefresh
from advancement.models.runs import RunTrigger
from advancement.runs.start import RunRequest, start_run
from tests.aggregation.conftest import make_event
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_rule, add_rules, make_sprout, planned_run, refreshed

pytestmark = pytest.mark.django_db


def stopped(run: Run) -> dict[str, str]:
    return {line["rule"]: line["reason"] for line in run.stopped_rules}


def test_without_a_refresh_on_record_a_rule_on_signals_is_stopped() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    run = planned_run()
    assert (run.moves_planned, run.blocked, run.evaluated) == (0, 1, 1)
    assert stopped(run)["a-rule"].startswith("No refresh of the all_time signals is on record")
    assert LeftOut.objects.get().reason == "It matches only rules that the signal gate stopped."


def test_a_refresh_without_any_usage_does_not_make_imported_signals_newer() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    refreshed(hours_ago=49)
    assert refresh_signals().periods == []
    assert "49 hours ago" in stopped(planned_run())["a-rule"]
    make_event(make_sprout(), CREATED)
    assert len(refresh_signals().periods) == 3


def test_signals_older_than_allowed_stop_the_rule() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    refreshed(hours_ago=49)
    assert "49 hours ago" in stopped(planned_run())["a-rule"]


@pytest.mark.parametrize(
    ("allowed", "hours_ago", "words"),
    [
        (timedelta(seconds=90), 0.5, "which is longer than ADVANCEMENT_MAX_SIGNAL_AGE allows (90 seconds)"),
        (timedelta(minutes=30), 0.75, "45 minutes ago, which is longer than"),
        (timedelta(minutes=30), 0.75, "(30 minutes)"),
        (timedelta(hours=1), 1.5, "90 minutes ago"),
        (timedelta(days=2), 240, "10 days ago"),
    ],
)
def test_short_ages_are_named_in_short_units(
    settings: Any, allowed: timedelta, hours_ago: float, words: str
) -> None:
    settings.ADVANCEMENT_MAX_SIGNAL_AGE = allowed
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    refreshed(hours_ago=hours_ago)
    assert words in stopped(planned_run())["a-rule"]


def test_signals_just_young_enough_do_not() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    refreshed(hours_ago=47.9)
    assert planned_run().moves_planned == 1


def test_zero_switches_the_check_of_age_off(settings: Any) -> None:
    settings.ADVANCEMENT_MAX_SIGNAL_AGE = timedelta(0)
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    assert planned_run().moves_planned == 1


def test_a_rule_on_days_in_tier_alone_needs_no_refresh() -> None:
    add_rule("daysInTier >= 1")
    make_sprout(signals={})
    SignalRefresh.objects.all().delete()
    assert planned_run().moves_planned == 1


def test_freshness_is_judged_for_the_period_that_the_rule_uses() -> None:
    add_rule("citations >= 0 last_7d")
    make_sprout(signals={})
    SignalRefresh.objects.update(periods=["all_time"])
    assert "last_7d" in stopped(planned_run())["a-rule"]


@pytest.mark.parametrize(
    ("before", "after", "stops"), [(100, 49, True), (100, 50, False), (99, 0, False), (1000, 0, True)]
)
def test_a_total_that_fell_below_half_stops_the_rules_on_it(before: int, after: int, stops: bool) -> None:
    add_rules(make_rule("citations >= 3", slug="on-citations"), make_rule("views >= 3", slug="on-views"))
    make_sprout(signals={"citations": 3})
    refreshed({"botanical": {"reference_count": before, "view_count": 500}})
    refreshed({"botanical": {"reference_count": after, "view_count": 500}})
    assert list(stopped(planned_run())) == (["on-citations"] if stops else [])


def test_a_model_that_is_gone_from_the_totals_has_collapsed() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    refreshed({"botanical": {"reference_count": 700}})
    refreshed({})
    reason = stopped(planned_run())["a-rule"]
    assert reason.startswith("The total of citations over all botanical sprouts fell from 700 to 0")


FELL = {"botanical": {"reference_count": 12}}
FORMER = {"botanical": {"reference_count": 700}}


@pytest.mark.parametrize("repeats", [1, 5])
def test_repeating_the_refresh_does_not_make_a_collapse_normal(repeats: int) -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    then = refreshed(FORMER, hours_ago=24).finished_at
    for hours_ago in range(repeats, -1, -1):
        refreshed(FELL, hours_ago=hours_ago)
    reason = stopped(planned_run())["a-rule"]
    assert f"fell from 700 to 12 since the refresh of {then:%Y-%m-%d %H:%M} UTC" in reason


def test_a_day_later_the_figures_are_taken_as_they_are() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    for totals, hours_ago in ((FORMER, 48), (FELL, 24), (FELL, 0)):
        refreshed(totals, hours_ago)
    assert stopped(planned_run()) == {}


def test_a_total_that_has_recovered_stops_nothing() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    for totals, hours_ago in ((FORMER, 24), (FELL, 1), (FORMER, 0)):
        refreshed(totals, hours_ago)
    assert stopped(planned_run()) == {}


def test_a_collapse_between_two_of_many_refreshes_a_day_is_seen_by_the_night() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    for hours_ago in range(30, -1, -1):
        refreshed(FELL if hours_ago < 9 else FORMER, hours_ago)
    assert "a-rule" in stopped(planned_run())


def test_a_run_that_is_planned_late_is_judged_by_what_was_there_before_it() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    refreshed(FORMER, hours_ago=60)
    for hours_ago in (50, 25, 0):
        refreshed(FELL, hours_ago)
    run = start_run(RunRequest(), trigger=RunTrigger.COMMAND)
    run.created_at -= timedelta(hours=55)
    make_plan(run, run.lease_token)
    run.refresh_from_db()
    assert "a-rule" in stopped(run)


def test_a_live_rule_moves_a_sprout_that_a_stopped_one_would_have_moved_first() -> None:
    add_rules(
        make_rule("citations >= 3", slug="stopped", priority=1, to_tier="tree"),
        make_rule("views >= 3", slug="live"),
    )
    make_sprout(signals={"citations": 3, "views": 3})
    refreshed({"botanical": {"reference_count": 700}})
    refreshed({})
    run = planned_run()
    assert (run.moves_planned, run.blocked) == (1, 0)
    assert run.moves.get().to_tier == "sapling"


def test_the_explanation_of_a_sprout_names_the_gate() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    explanation = explain(sprout.pk)
    assert explanation.bucket == "blocked"
    (rule,) = explanation.rules
    assert (rule.matches, rule.wins) == (True, False)
    assert "No refresh" in rule.stopped


def test_signals_of_a_few_sprouts_that_were_imported_since_do_not_make_the_others_fresh() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    refreshed(hours_ago=49)
    latest = refreshed()
    latest.periods = []
    latest.save()
    assert "49 hours ago" in stopped(planned_run())["a-rule"]


def test_a_run_names_the_stopped_rules_of_the_tiers_that_it_looks_at() -> None:
    add_rules(
        make_rule("citations >= 3", slug="here"),
        make_rule("citations >= 3", slug="elsewhere", from_tier="sapling", to_tier="tree"),
    )
    make_sprout(signals={"citations": 3})
    SignalRefresh.objects.all().delete()
    assert list(stopped(planned_run(from_tiers=("sprout",)))) == ["here"]
