"""A plan that moves too much waits for a person; what that person decides is kept."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, Run
from advancement.runs.decisions import approve, discard
from advancement.runs.schedule import run_scheduled
from advancement.runs.start import RunRequest
from tests.factories import add_rule, finished_run
from tests.runs.conftest import DAY, plant

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule() -> None:
    add_rule("citations >= 3")


def held_run(count: int = 100) -> Run:
    plant(count)
    run = finished_run()
    assert run.status == "held"
    return run


def test_a_run_that_would_move_too_large_a_share_is_held_and_moves_nobody(rule: None) -> None:
    run = held_run()
    assert run.held_because == [
        "It would move 100 of 100 candidates, more than the share of 0.5 that ADVANCEMENT_MAX_SHARE allows."
    ]
    assert not AdvancementEvent.objects.exists()


def test_the_share_counts_from_a_hundred_candidates_on(rule: None) -> None:
    plant(99)
    assert finished_run().status == "succeeded"


def test_exactly_the_share_is_allowed(rule: None) -> None:
    plant(50)
    plant(50, citations=0)
    assert finished_run().status == "succeeded"


@pytest.mark.parametrize(("moves", "status"), [(29, "succeeded"), (30, "held")])
def test_a_share_that_no_double_holds_is_counted_exactly(
    rule: None, settings: Any, moves: int, status: str
) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 0.29
    plant(moves)
    plant(100 - moves, citations=0)
    assert finished_run().status == status


def test_a_share_of_one_switches_it_off(rule: None, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1.0
    plant(100)
    assert finished_run().status == "succeeded"


@pytest.mark.parametrize(("moves", "status"), [(3, "succeeded"), (4, "held")])
def test_more_moves_than_allowed_are_held(rule: None, settings: Any, moves: int, status: str) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 3
    plant(moves)
    assert finished_run().status == status


def test_a_dry_run_is_never_held(rule: None) -> None:
    plant(100)
    assert finished_run(dry_run=True).status == "planned"


def test_the_command_fails_and_its_json_has_what_would_move(
    rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(100)
    with pytest.raises(CommandError, match="held by a guardrail"):
        call_command("run_advancement", "--json")
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["status"], outcome["advanced"], outcome["evaluated"]) == ("held", 100, 100)


def test_an_approved_run_is_applied_and_keeps_who_and_why(rule: None) -> None:
    run = held_run()
    call_command("decide_run", str(run.pk), "--approve", "--reason", "a new rule, as announced")
    run.refresh_from_db()
    assert (run.status, run.advanced) == ("succeeded", 100)
    assert run.decision_reason == "a new rule, as announced"
    assert run.decided_by
    assert run.decided_at


def test_what_changed_since_a_held_plan_is_skipped(rule: None) -> None:
    run = held_run()
    set_hold(run.moves.all()[0].sprout_id, reason="wait", by="operator")
    call_command("decide_run", str(run.pk), "--approve", "--reason", "fine")
    run.refresh_from_db()
    assert (run.advanced, run.skipped) == (99, 1)


def test_a_discarded_run_moves_nobody_and_cannot_be_approved_any_more(rule: None) -> None:
    run = held_run()
    call_command("decide_run", str(run.pk), "--discard", "--reason", "a mistake")
    assert not AdvancementEvent.objects.exists()
    with pytest.raises(AdvancementError, match=f"Run {run.pk} is discarded, not held"):
        approve(run.pk, by="operator", reason="after all")


def test_a_decision_needs_a_reason_and_a_run(rule: None) -> None:
    with pytest.raises(AdvancementError, match="needs a reason"):
        discard(held_run().pk, by="operator", reason=" ")
    with pytest.raises(AdvancementError, match="There is no run 4711"):
        discard(4711, by="operator", reason="gone")


def test_an_approved_run_whose_worker_failed_is_not_held_again(rule: None) -> None:
    run = held_run()
    approve(run.pk, by="operator", reason="fine")
    Run.objects.filter(pk=run.pk).update(status="failed", retry_at=database_now())
    call_command("run_advancement")
    run.refresh_from_db()
    assert run.status == "succeeded"


def test_a_newer_nights_plan_supersedes_a_held_one(rule: None) -> None:
    plant(100)
    first, _ = run_scheduled(DAY, RunRequest())
    second, _ = run_scheduled(DAY + timedelta(days=1), RunRequest())
    first.refresh_from_db()
    assert (first.status, first.superseded_by) == ("cancelled", second)
    assert second.status == "held"
