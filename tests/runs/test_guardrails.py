"""A plan that moves too much waits for a person; what that person decides is kept."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.apply.skipped import changed_since_planned
from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.models.runs import RunTrigger
from advancement.runs.decisions import approve, discard
from advancement.runs.guardrails import share_exceeded
from advancement.runs.override import override_tier
from advancement.runs.schedule import resume_abandoned, run_scheduled
from advancement.runs.start import RunRequest
from advancement.runs.summary import summarise
from tests.criteria.cast import make_rule
from tests.factories import add_rule, add_rules, finished_run, make_sprout
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
        "It would move 100 of 100 candidates, more than the 50\u00a0% that ADVANCEMENT_MAX_SHARE allows."
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


def test_a_dry_run_is_never_held_and_says_that_the_real_run_would_be(
    rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(100)
    call_command("run_advancement", "--dry-run", "--json")
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["status"], outcome["advanced"]) == ("planned", 100)
    assert outcome["held_because"] == [
        "It would move 100 of 100 candidates, more than the 50\u00a0% that ADVANCEMENT_MAX_SHARE allows."
    ]
    call_command("run_advancement", "--dry-run")
    said = capsys.readouterr().out
    assert "A real run would be held by a guardrail. It would move 100 of 100 candidates" in said


def test_a_dry_run_within_the_limits_speaks_of_no_guardrail(
    rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(99)
    call_command("run_advancement", "--dry-run", "--json")
    assert "held_because" not in json.loads(capsys.readouterr().out)


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


def test_what_changed_since_a_held_plan_is_skipped_and_said(
    rule: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = held_run()
    set_hold(run.moves.all()[0].sprout_id, reason="wait", by="operator")
    capsys.readouterr()
    call_command("decide_run", str(run.pk), "--approve", "--reason", "fine", "--json")
    run.refresh_from_db()
    assert (run.advanced, run.skipped) == (99, 1)
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["changed"] == [{"reason": "It was put on hold after the plan was made.", "moves": 1}]


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


def test_a_rule_may_have_a_guardrail_of_its_own() -> None:
    add_rules(
        make_rule("citations >= 3", max_moves=3), make_rule("citations >= 99", slug="other", max_moves=1)
    )
    plant(3)
    assert finished_run().status == "succeeded"
    plant(4)
    run = finished_run()
    assert run.held_because == [
        "Rule “A rule” (a-rule) would move 4 sprouts, more than the 3 that its own guardrail allows."
    ]
    approve(run.pk, by="olga", reason="As announced.")
    assert [done.status for done in resume_abandoned()] == ["succeeded"]


def test_only_some_of_a_held_plan_may_be_approved(rule: None) -> None:
    run = held_run()
    some = [move.sprout_id for move in run.moves.order_by("position")[:3]]
    approve(run.pk, by="olga", reason="These alone.", only=some, excluding=some[2:])
    assert [done.advanced for done in resume_abandoned()] == [2]
    run.refresh_from_db()
    assert (run.advanced, run.skipped, run.moves_struck) == (2, 98, 98)
    assert set(AdvancementEvent.objects.values_list("sprout_id", flat=True)) == set(some[:2])
    assert set(run.left_out.values_list("bucket", "reason")) == {("skipped", "olga took it out of the plan.")}
    summary = summarise(run)
    assert (summary["advanced"], summary["skipped"], summary["failed"]) == (2, 98, 0)


def test_a_sprout_that_the_plan_does_not_move_cannot_be_chosen(rule: None) -> None:
    run, stranger = held_run(), make_sprout()
    with pytest.raises(AdvancementError, match=f"The plan does not move the sprout {stranger.pk}"):
        approve(run.pk, by="olga", reason="This one.", only=[stranger.pk])
    run.refresh_from_db()
    assert run.status == "held"


def test_a_plan_that_went_stale_says_what_changed(rule: None) -> None:
    run = held_run()
    first, second, third = [move.sprout_id for move in run.moves.order_by("position")[:3]]
    set_hold(first, reason="wait", by="olga")
    Sprout.objects.filter(pk__in=[second]).delete()
    override_tier(third, "tree", reason="A landmark.", by="olga", trigger=RunTrigger.CONSOLE, hold=False)
    assert changed_since_planned(run) == {
        "It moved to tree after the plan was made.": 1,
        "It was put on hold after the plan was made.": 1,
        "The sprout no longer exists.": 1,
    }
    approve(run.pk, by="olga", reason="fine")
    [done] = resume_abandoned()
    assert (done.advanced, done.skipped) == (97, 3)


def test_a_share_is_judged_by_what_is_written_and_not_by_its_binary_fraction(settings: Any) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 0.29
    assert not share_exceeded(29, 100)
    assert share_exceeded(30, 100)
    assert not share_exceeded(99, 99)
