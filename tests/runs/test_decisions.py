"""A plan is applied as it was reviewed, cancelled where it stands, or resumed; one person decides."""

from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F
from pytest_django import Settings

from advancement.criteria.errors import AdvancementError, LeaseLost
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, LeftOut, Move, Run, SignalAggregation, Sprout
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs import decisions
from advancement.runs.decisions import apply_plan, approve, cancel, discard, resume
from advancement.runs.guardrails import limits_exceeded
from advancement.runs.lease import take_lease
from advancement.runs.override import override_tier
from advancement.runs.planned import moves_of, tally_of
from advancement.runs.review import ReviewChanged, set_struck
from advancement.runs.schedule import something_to_do, work_off
from advancement.runs.standing import standing_of
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.summary import summarise, summarise_rollback
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout, planned_run
from tests.runs.conftest import (
    Beside,
    assert_all_moved_once,
    assert_ledger_holds,
    execute,
    failing_batches,
    kill,
    let_lease_expire,
    manage,
    needs_postgresql,
    open_transaction,
    plant,
    somebody_waits_for_a_lock,
    start_manage,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_guardrails")]


def waiting_run(**request: Any) -> Run:
    return start_run(RunRequest(**request), trigger=RunTrigger.CONSOLE, leased=False)


def dry_run(count: int = 5) -> Run:
    add_rule("citations >= 3")
    plant(count)
    run = waiting_run(dry_run=True, requested_by="ada")
    work_off()
    run.refresh_from_db()
    assert (run.status, run.moves_planned) == ("planned", count)
    return run


def strike(run: Run, *positions: int, struck: bool = True) -> int:
    return set_struck(run.pk, moves_of(run).filter(position__in=positions), struck=struck)


def applied(run: Run) -> Run:
    assert [done.pk for done in work_off()] == [run.pk]
    run.refresh_from_db()
    assert run.status == "succeeded", run.error
    return run


def assert_adds_up(run: Run) -> dict[str, Any]:
    """Check that the buckets add up to what was evaluated, for programs and for people."""
    run.refresh_from_db()
    found = summarise(run)
    buckets = ("advanced", "no_match", "no_signals", "held", "invalid", "blocked", "skipped", "failed")
    assert sum(found[bucket] for bucket in buckets) == found["evaluated"]
    assert sum(line["count"] for line in found["by_rule"]) == found["advanced"]
    struck = moves_of(run, struck=True).count()
    tally = tally_of(run, standing_of(run), struck=struck)
    assert sum(line.count for line in tally) == run.evaluated
    return found


# --- A run that waits for the cluster


def test_a_run_without_a_lease_is_picked_up_and_done() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = waiting_run(requested_by="ada")
    assert (run.status, run.started_at, run.lease_token, run.attempts) == ("planning", None, 0, 0)
    assert something_to_do()
    assert [done.pk for done in work_off()] == [run.pk]
    assert_all_moved_once(run, 3)
    assert run.started_at is not None
    assert run.created_at <= run.started_at <= run.finished_at
    assert run.attempts == 1
    assert not something_to_do()


def test_a_cluster_of_its_own_process_takes_it_up() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = waiting_run()
    ended = manage("shell", "-c", "from advancement.tasks import work; print(work())")
    assert f"run {run.pk} succeeded" in ended.out
    assert_all_moved_once(run, 3)


def test_the_time_that_a_run_waited_for_a_worker_is_not_the_run_s() -> None:
    run = waiting_run()
    Run.objects.filter(pk=run.pk).update(created_at=F("created_at") - timedelta(hours=3))
    work_off()
    run.refresh_from_db()
    assert summarise(run)["seconds"] < 60


def test_a_run_that_nobody_took_yet_has_a_summary_without_seconds() -> None:
    run = waiting_run()
    assert summarise(run)["seconds"] == 0.0
    cancel(run.pk, by="ada")
    assert summarise(run)["seconds"] == 0.0


# --- Apply a dry run


def test_a_dry_run_is_applied_less_what_was_struck() -> None:
    run = dry_run()
    assert strike(run, 2, 4) == 2
    assert_adds_up(run)
    apply_plan(run.pk, revision=1, by="grace")
    run.refresh_from_db()
    assert (run.status, run.dry_run, run.decided_by, run.moves_struck) == ("approved", False, "grace", 2)
    assert_adds_up(run)
    applied(run)
    assert (run.advanced, run.cursor, run.moves_planned) == (3, 5, 5)
    assert set(LeftOut.objects.values_list("bucket", "reason")) == {
        ("skipped", "grace took it out of the plan.")
    }
    found = assert_adds_up(run)
    assert (found["advanced"], found["skipped"], found["dry_run"]) == (3, 2, False)
    assert (standing_of(run).done, standing_of(run).total, standing_of(run).skipped) == (3, 3, 0)
    assert_ledger_holds()


def test_the_time_that_a_plan_waited_for_a_person_is_not_the_run_s() -> None:
    run = dry_run(2)
    early = run.started_at - timedelta(hours=5)
    Run.objects.filter(pk=run.pk).update(started_at=early, planned_at=early, finished_at=early)
    apply_plan(run.pk, revision=0, by="ada")
    applied(run)
    assert summarise(run)["seconds"] < 60


def test_a_decision_begins_the_attempts_anew(settings: Settings) -> None:
    plan = dry_run(3)
    apply_plan(plan.pk, revision=0, by="grace")
    [applied] = work_off()
    assert (applied.pk, applied.attempts) == (plan.pk, 1)
    assert "for the 2nd time" not in " ".join(plan.log.values_list("text", flat=True))
    settings.ADVANCEMENT_MAX_MOVES = 2
    plant(3)
    held = finished_run()
    approve(held.pk, by="ada", reason="As expected.")
    [approved] = work_off()
    assert (approved.pk, approved.attempts) == (held.pk, 1)


def test_a_plan_applied_later_skips_what_changed_and_says_why() -> None:
    run = dry_run(6)
    held, moved, changed, *rest = moves_of(run).order_by("position")
    set_hold(held.sprout_id, reason="wait", by="ada")
    override_tier(moved.sprout_id, "tree", reason="known", by="ada", trigger=RunTrigger.CONSOLE, hold=False)
    SignalAggregation.objects.filter(sprout=changed.sprout_id).update(reference_count=0)
    apply_plan(run.pk, revision=0, by="ada")
    applied(run)
    assert (run.advanced, run.skipped) == (3, 3)
    assert dict(LeftOut.objects.filter(run=run).values_list("sprout_id", "reason")) == {
        held.sprout_id: "It was put on hold after the plan was made.",
        moved.sprout_id: "It moved to tree after the plan was made.",
        changed.sprout_id: "Its signals no longer meet rule a-rule.",
    }
    assert_adds_up(run)
    assert Sprout.objects.filter(pk__in=[move.sprout_id for move in rest], tier="sapling").count() == 3
    assert_ledger_holds()


def test_a_plan_whose_review_changed_is_not_applied() -> None:
    run = dry_run()
    strike(run, 1)
    with pytest.raises(ReviewChanged):
        apply_plan(run.pk, revision=0, by="ada")
    run.refresh_from_db()
    assert (run.status, run.dry_run, run.moves.count()) == ("planned", True, 5)
    strike(run, 1, struck=False)
    with pytest.raises(ReviewChanged):  # the same moves, but not the same review
        apply_plan(run.pk, revision=0, by="ada")
    apply_plan(run.pk, revision=2, by="ada")
    assert_all_moved_once(applied(run), 5)


def test_a_plan_of_which_nothing_is_left_is_not_applied() -> None:
    run = dry_run(2)
    strike(run, 1, 2)
    with pytest.raises(AdvancementError, match="Nothing would be left of the plan"):
        apply_plan(run.pk, revision=1, by="ada")
    run.refresh_from_db()
    assert (run.status, run.dry_run, run.moves.count(), run.moves_struck) == ("planned", True, 2, 0)
    assert not LeftOut.objects.exists()
    assert_adds_up(run)


def test_two_people_who_apply_the_same_plan_one_of_them_does(beside: Beside) -> None:
    run = dry_run(20)
    barrier = Barrier(2)

    def attempt(name: str) -> str:
        barrier.wait(30)
        try:
            apply_plan(run.pk, revision=0, by=name)
        except AdvancementError as error:
            return str(error)
        return ""

    ended = [future.result(60) for future in [beside(lambda n=n: attempt(n)) for n in ("ada", "grace")]]
    assert sorted(ended) == ["", f"The plan of run {run.pk} was decided about already: it is approved."]
    applied(run)
    assert run.decided_by == ("ada", "grace")[ended.index("")]
    assert_all_moved_once(run, 20)


def test_apply_and_discard_at_once_one_of_them_wins(beside: Beside) -> None:
    run = dry_run(20)
    barrier = Barrier(2)

    def attempt(act: Any) -> bool:
        barrier.wait(30)
        try:
            act()
        except AdvancementError:
            return False
        return True

    acts = (
        lambda: apply_plan(run.pk, revision=0, by="ada"),
        lambda: discard(run.pk, by="grace", reason="no"),
    )
    ended = [future.result(60) for future in [beside(lambda a=a: attempt(a)) for a in acts]]
    assert sorted(ended) == [False, True]
    run.refresh_from_db()
    assert run.status == ("approved", "discarded")[ended.index(True)]
    work_off()
    assert AdvancementEvent.objects.count() == (20 if ended[0] else 0)
    assert_ledger_holds()


def test_nothing_is_struck_after_somebody_applied() -> None:
    run = dry_run()
    apply_plan(run.pk, revision=0, by="ada")
    refusal = f"The plan of run {run.pk} was decided about already: it is approved."
    with pytest.raises(AdvancementError, match=refusal):
        strike(run, 1)
    applied(run)
    with pytest.raises(AdvancementError, match="it is succeeded"):
        strike(run, 1)
    assert_all_moved_once(run, 5)


@needs_postgresql
def test_a_strike_that_waits_for_somebody_who_applies_is_refused(beside: Beside) -> None:
    run = dry_run()
    with open_transaction():
        apply_plan(run.pk, revision=0, by="ada")
        striking = beside(lambda: strike(run, 1))
        wait_until(somebody_waits_for_a_lock)
    with pytest.raises(AdvancementError, match="it is approved"):
        striking.result(60)
    assert_all_moved_once(applied(run), 5)


def test_only_a_dry_run_of_an_advancement_is_applied() -> None:
    run = dry_run(1)
    apply_plan(run.pk, revision=0, by="ada")
    applied(run)
    back = start_rollback(
        RollbackRequest(reason="", requested_by="ada", run=run.pk, dry_run=True), trigger=RunTrigger.CONSOLE
    )
    work_on(back.pk, back.lease_token)
    with pytest.raises(AdvancementError, match="not a dry run of an advancement"):
        apply_plan(back.pk, revision=0, by="ada")
    with pytest.raises(AdvancementError, match="There is no run 999999"):
        apply_plan(999_999, revision=0, by="ada")


# --- Guardrails over what is left


def test_a_plan_over_a_guardrail_is_held_when_somebody_applies_it(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 3
    run = apply_plan(dry_run().pk, revision=0, by="ada")
    assert (run.status, run.dry_run, run.decided_by) == ("held", False, "")
    assert run.held_because == ["It would move 5 sprouts, more than the 3 that ADVANCEMENT_MAX_MOVES allows."]
    assert work_off() == []
    strike(run, 1)
    approve(run.pk, by="grace", reason="as announced", revision=1)
    applied(run)
    assert (run.advanced, run.moves_struck, run.decided_by) == (4, 1, "grace")
    assert_adds_up(run)


def test_what_is_struck_does_not_count_against_a_guardrail(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 3
    run = dry_run()
    strike(run, 1)
    run.refresh_from_db()
    assert limits_exceeded(run) == [
        "It would move 4 sprouts, more than the 3 that ADVANCEMENT_MAX_MOVES allows."
    ]
    strike(run, 2)
    run.refresh_from_db()
    assert limits_exceeded(run) == []
    assert apply_plan(run.pk, revision=2, by="ada").status == "approved"
    applied(run)
    assert run.advanced == 3


def test_neither_does_it_against_that_of_a_rule() -> None:
    add_rule("citations >= 3", max_moves=2)
    plant(3)
    run = finished_run(dry_run=True)
    assert limits_exceeded(run) == [
        "Rule “A rule” (a-rule) would move 3 sprouts, more than the 2 that its own guardrail allows."
    ]
    strike(run, 3)
    run.refresh_from_db()
    assert limits_exceeded(run) == []
    assert apply_plan(run.pk, revision=1, by="ada").status == "approved"


def test_approving_a_review_that_changed_is_refused(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    plant(3)
    run = finished_run()
    strike(run, 1)
    with pytest.raises(ReviewChanged):
        approve(run.pk, by="grace", reason="yes", revision=0)
    run.refresh_from_db()
    assert run.status == "held"
    approve(run.pk, by="grace", reason="yes", revision=1)
    assert applied(run).advanced == 2


# --- Review


def test_striking_twice_changes_once_and_raises_the_review_once() -> None:
    run = dry_run()
    assert [strike(run, 1), strike(run, 1), strike(run, 1, 2)] == [1, 0, 1]
    run.refresh_from_db()
    assert run.review_revision == 2
    assert strike(run, 1, 2, struck=False) == 2
    assert not Move.objects.filter(struck=True).exists()


def test_all_that_match_a_search_are_struck_in_a_few_statements(
    django_assert_max_num_queries: Any,
) -> None:
    run = dry_run(50)
    chosen = list(moves_of(run).values_list("sprout_id", flat=True)[:20])
    Sprout.objects.filter(pk__in=chosen).update(title="notes/Ash.md")
    with django_assert_max_num_queries(7):
        assert set_struck(run.pk, moves_of(run, title="ash"), struck=True) == 20
    assert set(moves_of(run, struck=True).values_list("sprout_id", flat=True)) == set(chosen)
    assert moves_of(run, title="ash", rule="another").count() == 0


def test_a_plan_under_review_counts_by_rule_what_is_left_of_it() -> None:
    run = dry_run()
    strike(run, 1, 2)
    found = assert_adds_up(run)
    assert (found["advanced"], found["skipped"], found["failed"]) == (3, 2, 0)
    assert found["by_rule"][0]["count"] == 3


def test_a_discarded_plan_adds_up_with_what_was_struck() -> None:
    run = dry_run()
    strike(run, 1, 2)
    discard(run.pk, by="ada", reason="no")
    found = assert_adds_up(run)
    assert (found["advanced"], found["skipped"]) == (0, 5)
    tally = {line.words: line.count for line in tally_of(run, standing_of(run), struck=2)}
    assert (tally["Dropped with the plan"], tally["Left out by hand"]) == (3, 2)


def test_a_rollback_under_review_adds_up_as_well() -> None:
    run = dry_run()
    apply_plan(run.pk, revision=0, by="ada")
    applied(run)
    back = start_rollback(
        RollbackRequest(reason="", requested_by="ada", run=run.pk, dry_run=True), trigger=RunTrigger.CONSOLE
    )
    work_on(back.pk, back.lease_token)
    back.refresh_from_db()
    strike(back, 1, 2)
    found = summarise_rollback(back)
    assert (found["reverted"], found["excluded"], found["failed"], found["evaluated"]) == (3, 2, 0, 5)
    tally = tally_of(back, standing_of(back), struck=2)
    assert sum(line.count for line in tally) == 5


# --- Cancel


def waiting_for_locks() -> int:
    return execute(
        "SELECT COUNT(*) FROM pg_stat_activity, pg_stat_clear_snapshot()"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()[0]


def test_a_run_that_waits_for_a_worker_is_cancelled_and_never_done() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = waiting_run()
    cancel(run.pk, by="ada")
    assert work_off() == []
    found = assert_adds_up(run)
    assert (found["status"], found["advanced"], run.decided_by) == ("cancelled", 0, "ada")
    assert not AdvancementEvent.objects.exists()


def test_cancelling_shuts_the_worker_out_between_two_batches() -> None:
    add_rule("citations >= 3")
    plant(9)
    run = planned_run(batch_size=2)

    def stop(phase: str, done: int, total: int) -> None:
        if done == 4:
            cancel(run.pk, by="ada")

    with pytest.raises(
        LeaseLost, match=f"Run {run.pk} was cancelled by ada; what it had moved by then stays"
    ):
        work_on(run.pk, run.lease_token, progress=stop)
    run.refresh_from_db()
    assert (run.status, run.cursor, run.advanced, run.lease_expires_at) == ("cancelled", 4, 4, None)
    assert AdvancementEvent.objects.count() == 4
    found = assert_adds_up(run)
    assert (found["advanced"], found["skipped"], found["failed"]) == (4, 5, 0)
    assert not something_to_do()
    assert_ledger_holds()


def test_cancelling_stops_a_worker_in_another_process_and_the_counts_are_right() -> None:
    add_rule("citations >= 3")
    plant(600)
    process = start_manage("run_advancement", "--batch-size", "1", "--json")
    try:
        run = wait_until(lambda: Run.objects.filter(cursor__gte=20).first())
        cancel(run.pk, by="ada")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, (out, err)
    assert "was cancelled by ada" in err
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert 20 <= run.cursor < 600, "it was cancelled too late"
    assert AdvancementEvent.objects.filter(run_id=run.pk).count() == run.advanced == run.cursor
    assert Sprout.objects.filter(tier="sapling").count() == run.cursor
    assert_adds_up(run)
    assert work_off() == []
    assert_ledger_holds()


@needs_postgresql
def test_cancelling_waits_for_the_batch_at_hand_and_keeps_it(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = sorted(plant(200), key=lambda sprout: str(sprout.pk))
    run = planned_run(batch_size=2)
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[3].pk)
        applying = beside(lambda: work_on(run.pk, run.lease_token))
        wait_until(somebody_waits_for_a_lock)
        cancelling = beside(lambda: cancel(run.pk, by="ada"))
        wait_until(lambda: waiting_for_locks() == 2)
    cancelling.result(60)
    with pytest.raises(LeaseLost):
        applying.result(60)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert 200 > run.cursor == run.advanced == AdvancementEvent.objects.count() >= 4
    assert_adds_up(run)
    assert_ledger_holds()


@needs_postgresql
def test_cancelling_gives_up_on_a_batch_that_takes_long(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "_PATIENCE", timedelta(seconds=0.2))
    run = planned_run()
    with open_transaction():
        Run.objects.select_for_update().get(pk=run.pk)
        with pytest.raises(AdvancementError, match="in the middle of a batch that takes long; try again"):
            beside(lambda: cancel(run.pk, by="ada")).result(60)
    run.refresh_from_db()
    assert run.status == "planned"


def test_a_dry_run_is_cancelled_while_it_plans_and_not_after() -> None:
    run = waiting_run(dry_run=True)
    cancel(run.pk, by="ada")
    assert work_off() == []
    done = dry_run(1)
    with pytest.raises(AdvancementError, match="is planned: there is nothing to cancel"):
        cancel(done.pk, by="ada")


def test_what_has_ended_is_not_cancelled() -> None:
    with pytest.raises(AdvancementError, match=r"is succeeded: there is nothing to cancel"):
        cancel(finished_run().pk, by="ada")
    with pytest.raises(AdvancementError, match="There is no run 999999"):
        cancel(999_999, by="ada")


def test_a_cancelled_run_can_be_rolled_back() -> None:
    add_rule("citations >= 3")
    plant(5)
    run = planned_run(batch_size=2)
    with pytest.raises(LeaseLost):
        work_on(
            run.pk,
            run.lease_token,
            progress=lambda p, done, t: cancel(run.pk, by="ada") if done == 2 else None,
        )
    back = start_rollback(
        RollbackRequest(reason="mistake", requested_by="ada", run=run.pk), trigger=RunTrigger.CONSOLE
    )
    assert work_on(back.pk, back.lease_token).advanced == 2
    assert not Sprout.objects.filter(tier="sapling").exists()
    assert_ledger_holds()


# --- Resume


@pytest.mark.usefixtures("no_delays")
def test_a_failed_run_is_resumed_from_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, OperationalError("the server is away"), 4, after=1):
        run = finished_run(batch_size=2)
    assert (run.status, run.cursor) == ("failed", 2)
    assert work_off() == []
    assert_adds_up(run)
    resume(run.pk, by="ada")
    assert [done.pk for done in work_off()] == [run.pk]
    assert_all_moved_once(run, 5)
    assert run.attempts == 2


@pytest.mark.usefixtures("no_delays")
def test_an_applied_plan_that_failed_is_resumed_without_being_judged_or_struck_again(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    run = dry_run()
    strike(run, 5)
    apply_plan(run.pk, revision=1, by="ada")
    with failing_batches(monkeypatch, OperationalError("the server is away"), 4):
        work_off()
    run.refresh_from_db()
    assert run.status == "failed"
    assert_adds_up(run)
    settings.ADVANCEMENT_MAX_MOVES = 1  # it was decided about under other limits
    resume(run.pk, by="ada")
    applied(run)
    assert (run.advanced, run.skipped, run.moves_struck) == (4, 1, 1)


def test_only_a_failed_run_is_resumed() -> None:
    with pytest.raises(AdvancementError, match="has not failed, so there is nothing to resume"):
        resume(finished_run().pk, by="ada")


def test_a_worker_killed_over_an_applied_plan_is_replaced() -> None:
    run = dry_run(300)
    Run.objects.filter(pk=run.pk).update(batch_size=1)
    apply_plan(run.pk, revision=0, by="ada")
    process = start_manage(
        "shell", "-c", "from advancement.tasks import work; work()", ADVANCEMENT_LEASE="1s"
    )
    wait_until(lambda: Run.objects.filter(pk=run.pk, cursor__gte=20).exists())
    kill(process)
    run.refresh_from_db()
    assert run.status == "applying"
    let_lease_expire(run)
    work_off()
    assert_all_moved_once(run, 300)


def test_a_decided_plan_is_taken_by_one_worker_alone() -> None:
    run = dry_run(2)
    apply_plan(run.pk, revision=0, by="ada")
    token = take_lease(run.pk)
    assert token == 2
    assert take_lease(run.pk) is None
    assert work_off() == []
    work_on(run.pk, token)
    assert_all_moved_once(run, 2)


def test_a_sprout_that_was_struck_is_free_for_the_next_run() -> None:
    run = dry_run(2)
    strike(run, 1)
    apply_plan(run.pk, revision=1, by="ada")
    applied(run)
    assert finished_run().advanced == 1
    assert make_sprout().tier == "sprout"
    assert_ledger_holds()
