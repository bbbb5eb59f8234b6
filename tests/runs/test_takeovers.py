"""A worker that was stopped wakes up after its run was taken over: it writes nothing more."""

import signal
import time
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from pytest_django import Settings

from advancement.apply import Applier
from advancement.criteria.errors import LeaseLost
from advancement.evaluation import plan
from advancement.models import Run
from advancement.runs.lease import abandoned
from advancement.runs.schedule import resume_abandoned
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, planned_run
from tests.runs.conftest import (
    Beside,
    assert_all_moved_once,
    end_of,
    let_lease_expire,
    needs_postgresql,
    plant,
    start_manage,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_guardrails")]


def test_a_worker_whose_run_was_taken_over_writes_nothing_more() -> None:
    add_rule("citations >= 3")
    plant(20)
    run = planned_run(batch_size=1)
    old_token = run.lease_token

    def take_over(phase: str, done: int, total: int) -> None:
        if done == 7:
            let_lease_expire(run)
            assert [taken.status for taken in resume_abandoned()] == ["succeeded"]

    with pytest.raises(LeaseLost):
        work_on(run.pk, old_token, progress=take_over)
    assert_all_moved_once(run, 20)
    run.refresh_from_db()
    assert (run.lease_token, run.attempts) == (old_token + 1, 2)


@needs_postgresql
def test_a_worker_stopped_in_mid_apply_wakes_up_to_find_its_run_taken_over() -> None:
    add_rule("citations >= 3")
    plant(300)
    process = start_manage("run_advancement", "--batch-size", "1", "--json", ADVANCEMENT_LEASE="1s")
    run = wait_until(lambda: Run.objects.filter(cursor__gte=20).first())
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: abandoned().exists(), 5)
    assert [taken.status for taken in resume_abandoned()] == ["succeeded"]
    process.send_signal(signal.SIGCONT)
    ended = end_of(process)
    assert ended.code == 1
    assert ended.json["status"] == "failed"
    assert "Another worker has taken this run over" in ended.err
    assert "Traceback" not in ended.err
    assert_all_moved_once(run, 300)


@needs_postgresql
def test_a_worker_stopped_inside_a_batch_gives_its_locks_back(beside: Beside, settings: Settings) -> None:
    settings.ADVANCEMENT_LEASE = timedelta(seconds=1)
    add_rule("citations >= 3")
    plant(6)
    run = planned_run(batch_size=2)
    Run.objects.filter(pk=run.pk).update(status="applying")
    let_lease_expire(run)
    slept: list[str] = []

    def sleep_in_a_batch() -> None:
        applier = Applier(run, run.lease_token)
        make_moves = applier._make_moves

        def slow(*arguments: Any) -> int:
            moved = make_moves(*arguments)
            time.sleep(2)
            slept.append("once")
            return moved

        applier._make_moves = slow  # type: ignore[method-assign]
        applier.apply_all()

    sleeping = beside(sleep_in_a_batch)
    time.sleep(0.2)
    assert [taken.status for taken in resume_abandoned()] == ["succeeded"]
    with pytest.raises(Exception, match=r"idle-in-transaction|closed|lost|terminat"):
        sleeping.result(60)
    assert slept == ["once"]
    assert_all_moved_once(run, 6)


@needs_postgresql
def test_a_worker_stopped_while_it_plans_keeps_nobody_from_planning_anew(
    beside: Beside, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ADVANCEMENT_LEASE = timedelta(seconds=1)
    add_rule("citations >= 3")
    plant(6)
    store_left_out, stopped = plan._store_left_out, Event()

    def stop_once(*arguments: Any) -> None:
        if not stopped.is_set():
            stopped.set()
            time.sleep(2)
        store_left_out(*arguments)

    monkeypatch.setattr(plan, "_store_left_out", stop_once)
    monkeypatch.setattr("advancement.runs.retry.RETRY_DELAYS", (0, 0, 0))
    sleeping = beside(finished_run)
    assert stopped.wait(30)
    run = Run.objects.get()
    let_lease_expire(run)
    assert [taken.status for taken in resume_abandoned()] == ["succeeded"]
    with pytest.raises(LeaseLost):
        sleeping.result(60)
    assert_all_moved_once(run, 6)


def test_a_run_that_waits_for_another_finishes_it_when_its_worker_died() -> None:
    add_rule("citations >= 3")
    plant(20)
    dead = planned_run(batch_size=1)
    Run.objects.filter(pk=dead.pk).update(status="applying")
    waiting = planned_run()

    def die_meanwhile(phase: str, done: int, total: int) -> None:
        if phase.startswith("waiting"):
            let_lease_expire(dead)

    Run.objects.filter(pk=dead.pk).update(lease_expires_at=datetime.now(UTC) + timedelta(minutes=1))
    finished = work_on(waiting.pk, waiting.lease_token, progress=die_meanwhile)
    assert_all_moved_once(dead, 20)
    assert (finished.status, finished.advanced, finished.skipped) == ("succeeded", 0, 20)


@needs_postgresql
def test_a_command_that_is_told_to_end_gives_its_run_back_at_once() -> None:
    add_rule("citations >= 3")
    plant(300)
    process = start_manage("run_advancement", "--batch-size", "1", ADVANCEMENT_LEASE="10m")
    run = wait_until(lambda: Run.objects.filter(cursor__gte=20).first())
    process.send_signal(signal.SIGTERM)
    assert end_of(process).code == 143
    assert [taken.status for taken in resume_abandoned()] == ["succeeded"]
    assert_all_moved_once(run, 300)
