"""Runs that failed halfway, or on their parameters: they go on, or are dropped, and their figures add up."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import DataError
from pytest_django import Settings

from advancement.criteria.errors import AdvancementError
from advancement.models import AdvancementEvent, Run
from advancement.runs import summary
from advancement.runs.decisions import approve, discard
from advancement.runs.lease import abandoned, take_lease
from advancement.runs.schedule import resume_abandoned, run_scheduled
from advancement.runs.start import RunRequest
from advancement.runs.summary import summarise, summarise_rollback
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, planned_run
from tests.runs.conftest import (
    DAY,
    Beside,
    assert_all_moved_once,
    failing_batches,
    let_lease_expire,
    needs_postgresql,
    plant,
)

pytestmark = pytest.mark.django_db(transaction=True)

BUCKETS = ("advanced", "no_match", "no_signals", "held", "invalid", "blocked", "skipped", "failed")


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a scheduled run that failed after 2 of its 5 moves."""
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 1, after=1):
        run, _ = run_scheduled(DAY, RunRequest(batch_size=2))
    assert (run.status, run.cursor) == ("failed", 2)
    return run


def assert_adds_up(figures: dict[str, Any]) -> None:
    assert sum(figures[bucket] for bucket in BUCKETS) == figures["evaluated"]
    assert min(figures[bucket] for bucket in BUCKETS) >= 0


def test_a_run_that_was_begun_is_finished_whatever_the_guardrails_say_now(
    failed: Run, settings: Settings
) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    run, _ = run_scheduled(DAY, RunRequest())
    assert run.status == "succeeded"
    assert_all_moved_once(failed, 5)


def test_one_that_has_moved_nobody_yet_is_held_by_guardrails_set_meanwhile(settings: Settings) -> None:
    add_rule("citations >= 3")
    plant(5)
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(status="failed")
    settings.ADVANCEMENT_MAX_MOVES = 1
    token = take_lease(run.pk)
    assert token
    assert work_on(run.pk, token).status == "held"


def test_while_it_waits_to_go_on_its_figures_are_those_of_its_events(failed: Run) -> None:
    assert take_lease(failed.pk)
    figures = summarise(failed)
    assert (figures["status"], figures["advanced"], figures["failed"]) == ("planned", 2, 3)
    assert_adds_up(figures)


def test_a_failed_run_can_be_discarded_and_says_what_it_had_done(
    failed: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("decide_run", str(failed.pk), "--discard", "--reason", "broken for good")
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        f"Run {failed.pk} is discarded; 2 of 5 moves had been dealt with and stay."
        " It keeps its date, 2026-03-05; run_advancement does an extra run."
    )
    figures = summarise(failed)
    assert (figures["status"], figures["advanced"], figures["skipped"]) == ("discarded", 2, 3)
    assert_adds_up(figures)
    assert take_lease(failed.pk) is None
    assert not abandoned().exists()
    assert finished_run().advanced == 3


def test_a_discarded_run_that_moved_nobody_counts_its_moves_as_skipped(settings: Settings) -> None:
    add_rule("citations >= 3")
    plant(5)
    settings.ADVANCEMENT_MAX_MOVES = 1
    run = finished_run()
    discard(run.pk, by="operator", reason="a mistake")
    figures = summarise(run)
    assert (figures["advanced"], figures["skipped"], figures["failed"]) == (0, 5, 0)
    assert_adds_up(figures)


def test_a_failed_run_cannot_be_approved_and_one_that_succeeded_not_be_discarded(failed: Run) -> None:
    with pytest.raises(AdvancementError, match="is failed, not held"):
        approve(failed.pk, by="operator", reason="go")
    resumed, _ = run_scheduled(DAY, RunRequest())
    with pytest.raises(AdvancementError, match="is succeeded, not held or failed"):
        discard(resumed.pk, by="operator", reason="too late")


def test_a_date_whose_tiers_did_not_exist_is_run_once_the_setting_is_mended(settings: Settings) -> None:
    add_rule("citations >= 3")
    plant(3)
    settings.ADVANCEMENT_FROM_TIERS = ["sprouts"]
    run, _ = run_scheduled(DAY, RunRequest())
    assert run.status == "failed"
    assert 'The tier "sprouts" of ADVANCEMENT_FROM_TIERS is unknown' in run.error
    settings.ADVANCEMENT_FROM_TIERS = ["sprout"]
    run, worked = run_scheduled(DAY, RunRequest())
    assert (worked, run.status, run.from_tiers) == (True, "succeeded", ["sprout"])
    assert_all_moved_once(run, 3)


def test_tiers_that_exist_stay_those_that_were_asked_for(settings: Settings) -> None:
    add_rule("citations >= 3", from_tier="sapling", to_tier="tree")
    plant(1)
    run, _ = run_scheduled(DAY, RunRequest(from_tiers=("sapling",)))
    Run.objects.filter(pk=run.pk).update(status="planning", planned_at=None)
    let_lease_expire(run)
    assert [resumed.from_tiers for resumed in resume_abandoned()] == [["sapling"]]


def test_figures_are_those_of_the_run_as_it_is_not_as_it_was() -> None:
    add_rule("citations >= 3")
    plant(5)
    before = planned_run()
    work_on(before.pk, before.lease_token)
    assert before.status == "planned"
    figures = summarise(before)
    assert (figures["status"], figures["advanced"], before.status) == ("succeeded", 5, "succeeded")


@needs_postgresql
@pytest.mark.parametrize("describe", [summarise, summarise_rollback])
def test_figures_are_of_one_instant(describe: Any, beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    run = planned_run()
    only_planned = summary._only_planned

    def meanwhile(seen: Run) -> bool:
        beside(lambda: work_on(run.pk, run.lease_token)).result(30)
        return only_planned(seen)

    monkeypatch.setattr(summary, "_only_planned", meanwhile)
    figures = describe(Run.objects.get(pk=run.pk))
    assert AdvancementEvent.objects.count() == 5
    assert figures["status"] == "planned"
    assert figures["failed"] == 0
    assert figures.get("advanced", figures.get("reverted")) == 5
