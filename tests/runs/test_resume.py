"""Workers are killed with SIGKILL; the run is resumed and comes to the same end as without a fault."""

import random
import time
from collections.abc import Callable

import pytest

from advancement import tasks
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.runs.lease import abandoned, put_off_if_deadly, take_lease
from advancement.runs.schedule import resume_abandoned, something_to_do, work_off
from advancement.runs.start import RunRequest, claim_date
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout, planned_run
from tests.runs.conftest import (
    DAY,
    Beside,
    assert_all_moved_once,
    execute,
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

MOVES = 300
ONE_BY_ONE = ("run_advancement", "--batch-size", "1", "--json")


def grow() -> None:
    add_rule("citations >= 3")
    plant(MOVES)
    plant(5, citations=2)


def run_with_cursor(lowest: int) -> Callable[[], Run | None]:
    return lambda: Run.objects.filter(cursor__gte=lowest).first()


def killed_in_mid_apply(lowest: int, *arguments: str) -> Run:
    """Start a run that moves one sprout a batch, and kill it when it has moved some."""
    process = start_manage(*ONE_BY_ONE, *arguments, ADVANCEMENT_LEASE="1s")
    wait_until(run_with_cursor(lowest))
    kill(process)
    run = Run.objects.get()
    assert run.status == "applying"
    assert lowest <= run.cursor < MOVES, "it was killed too late"
    assert AdvancementEvent.objects.count() == run.cursor
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_run_killed_in_mid_apply_is_finished_by_the_next_command(seed: int) -> None:
    grow()
    run = killed_in_mid_apply(random.Random(seed).randint(1, MOVES // 2))
    wait_until(lambda: abandoned().exists(), 5)
    ended = manage("run_advancement", "--json")
    assert (ended.code, ended.json["status"]) == (0, "succeeded"), ended.err
    assert ended.json["run"] != str(run.pk)
    assert ended.json["evaluated"] == ended.json["no_match"] == 5
    assert_all_moved_once(run, MOVES)
    assert Sprout.objects.filter(tier="sapling", revision=1).count() == MOVES
    assert run.attempts == 2


def test_a_run_killed_in_mid_apply_is_finished_by_the_next_tick() -> None:
    grow()
    run = killed_in_mid_apply(20)
    wait_until(something_to_do, 5)
    assert tasks.work() == [f"run {run.pk} succeeded"]
    assert_all_moved_once(run, MOVES)
    assert tasks.work() == []


def test_a_scheduled_run_killed_in_mid_apply_is_finished_by_the_same_command() -> None:
    grow()
    run = killed_in_mid_apply(20, "--scheduled")
    wait_until(lambda: abandoned().exists(), 5)
    ended = manage("run_advancement", "--scheduled", "--json")
    assert (ended.code, ended.json["status"], ended.json["advanced"]) == (0, "succeeded", MOVES)
    assert ended.json["run"] == str(run.pk)
    assert_all_moved_once(run, MOVES)


def test_a_run_that_is_killed_again_and_again_comes_to_its_end() -> None:
    grow()
    run = killed_in_mid_apply(10)
    for lowest in (40, 80):
        wait_until(lambda: abandoned().exists(), 5)
        process = start_manage("run_advancement", "--json", ADVANCEMENT_LEASE="1s")
        wait_until(run_with_cursor(lowest))
        kill(process)
    wait_until(lambda: abandoned().exists(), 5)
    assert [resumed.pk for resumed in resume_abandoned()] == [run.pk]
    assert_all_moved_once(run, MOVES)


def test_a_live_worker_keeps_its_run_however_long_it_takes() -> None:
    grow()
    process = start_manage(*ONE_BY_ONE, ADVANCEMENT_LEASE="30s")
    run = wait_until(run_with_cursor(1))
    assert take_lease(run.pk) is None
    assert resume_abandoned() == []
    assert process.wait(60) == 0
    assert_all_moved_once(run, MOVES)


@needs_postgresql
def test_a_run_killed_while_it_makes_its_plan_is_planned_anew(beside: Beside) -> None:
    grow()
    with open_transaction():
        # The plan cannot be stored before this ends.
        execute("LOCK TABLE advancement_moves IN EXCLUSIVE MODE")
        process = start_manage("run_advancement", "--json")
        wait_until(somebody_waits_for_a_lock)
        kill(process)
    run = Run.objects.get()
    assert (run.status, run.planned_at, run.moves.count()) == ("planning", None, 0)
    assert not abandoned().exists()
    let_lease_expire(run)
    assert tasks.work() == [f"run {run.pk} succeeded"]
    assert_all_moved_once(run, MOVES)


@needs_postgresql
def test_a_run_killed_between_plan_and_apply_goes_on_with_its_plan(beside: Beside) -> None:
    grow()
    other = planned_run(from_tiers=("seed",))
    Run.objects.filter(pk=other.pk).update(status="applying")
    process = start_manage("run_advancement", "--json", ADVANCEMENT_LEASE="1s")
    run = wait_until(lambda: Run.objects.filter(status="planned").first())
    time.sleep(0.6)  # it waits for the other one
    kill(process)
    Run.objects.filter(pk=other.pk).update(status="succeeded", lease_expires_at=None)
    add_rule("citations >= 2", slug="later")
    wait_until(lambda: abandoned().exists(), 5)
    assert tasks.work() == [f"run {run.pk} succeeded"]
    assert_all_moved_once(run, MOVES)


def test_a_run_that_died_before_it_did_anything_is_resumed() -> None:
    grow()
    run, _ = claim_date(DAY, RunRequest())
    assert work_off() == []
    let_lease_expire(run)
    assert [resumed.status for resumed in work_off()] == ["succeeded"]
    assert_all_moved_once(run, MOVES)


def test_a_resumed_run_reports_when_it_ended_and_no_error_that_is_over() -> None:
    add_rule("citations >= 3")
    plant(2)
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(status="failed", error="no luck", finished_at=run.created_at)
    token = take_lease(run.pk)
    assert token
    run.refresh_from_db()
    assert (run.status, run.error, run.finished_at, run.retry_at) == ("planned", "", None, None)
    work_on(run.pk, token)
    assert_all_moved_once(run, 2)


def test_a_dry_run_that_died_is_planned_anew_and_still_applies_nothing() -> None:
    add_rule("citations >= 3")
    plant(2)
    run = planned_run(dry_run=True)
    Run.objects.filter(pk=run.pk).update(status="planning")
    let_lease_expire(run)
    execute("DELETE FROM advancement_moves")
    assert [resumed.status for resumed in resume_abandoned()] == ["planned"]
    assert not AdvancementEvent.objects.exists()
    assert not abandoned().exists()


def test_a_dry_run_that_is_done_is_left_alone() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = finished_run(dry_run=True)
    assert (run.status, run.finished_at is None, run.lease_expires_at) == ("planned", False, None)
    assert not something_to_do()


def test_a_run_that_kills_every_worker_is_put_off_and_keeps_nobody_from_the_night() -> None:
    add_rule("citations >= 3")
    plant(3)
    deadly = planned_run()
    Run.objects.filter(pk=deadly.pk).update(attempts=5)
    let_lease_expire(deadly)
    assert resume_abandoned() == []
    deadly.refresh_from_db()
    assert (deadly.status, deadly.error) == ("failed", "Its worker ended without a word, at attempt 5.")
    assert deadly.retry_at is not None
    assert (deadly.retry_at - deadly.finished_at).total_seconds() == pytest.approx(16 * 60, abs=5)
    assert not something_to_do(), "not in a tight loop"
    run, _ = claim_date(DAY, RunRequest())
    assert work_on(run.pk, run.lease_token).advanced == 3


def test_a_run_that_somebody_works_on_is_not_put_off() -> None:
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(attempts=50)
    assert not put_off_if_deadly(run.pk)
