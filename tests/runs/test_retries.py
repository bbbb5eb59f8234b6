"""Errors of the database that pass are waited for; those that do not end the run, to be resumed."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connection
from django.db.models import F
from psycopg.sql import SQL, Identifier
from pytest_django import Settings

from advancement import tasks
from advancement.apply import Applier
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.runs.lease import waiting_time
from advancement.runs.retry import RETRY_DELAYS, may_pass, retrying
from advancement.runs.schedule import resume_abandoned
from advancement.runs.summary import summarise
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, planned_run
from tests.runs.conftest import (
    Beside,
    assert_all_moved_once,
    execute,
    failing_batches,
    let_lease_expire,
    needs_postgresql,
    open_transaction,
    plant,
    somebody_waits_for_a_lock,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_delays")]

only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits row by row instead")


def terminate_workers() -> None:
    """End the sessions of everybody else on this database, as an administrator would."""
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def at_cursor(position: int, do: Callable[[], Any]) -> Callable[[str, int, int], None]:
    """Return a progress function that does something once, when the cursor has come to `position`."""
    done: list[int] = []

    def progress(phase: str, cursor: int, total: int) -> None:
        if phase == "applying" and cursor >= position and not done:
            done.append(cursor)
            do()

    return progress


def test_the_delays_are_those_of_the_documentation() -> None:
    assert RETRY_DELAYS == (5, 15, 30)


@needs_postgresql
def test_a_session_ended_between_two_batches_is_opened_again(beside: Beside) -> None:
    add_rule("citations >= 3")
    plant(9)
    run = planned_run(batch_size=2)
    progress = at_cursor(4, lambda: beside(terminate_workers).result(30))
    work_on(run.pk, run.lease_token, progress=progress)
    assert_all_moved_once(run, 9)
    assert run.attempts == 1


@needs_postgresql
def test_a_session_ended_in_the_middle_of_a_batch_is_opened_again(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(9)
    run = planned_run(batch_size=2)
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[5].pk)
        applying = beside(lambda: work_on(run.pk, run.lease_token))
        wait_until(somebody_waits_for_a_lock)
        terminate_workers()
    applying.result(60)
    assert_all_moved_once(run, 9)


@needs_postgresql
def test_a_session_ended_while_the_plan_is_made_is_opened_again(beside: Beside) -> None:
    add_rule("citations >= 3")
    plant(9)
    with open_transaction():
        execute("LOCK TABLE advancement_moves IN EXCLUSIVE MODE")
        running = beside(finished_run)
        wait_until(somebody_waits_for_a_lock)
        terminate_workers()
    assert_all_moved_once(running.result(60), 9)


@needs_postgresql
def test_a_lock_that_is_held_too_long_is_tried_again(
    beside: Beside, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    add_rule("citations >= 3")
    sprouts = plant(9)
    run = planned_run(batch_size=2)
    settings.ADVANCEMENT_LEASE = timedelta(seconds=1)
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[5].pk)
        applying = beside(lambda: work_on(run.pk, run.lease_token))
        wait_until(lambda: "statement timeout" in caplog.text)
    applying.result(60)
    assert_all_moved_once(run, 9)


@contextmanager
def closed_doors() -> Iterator[None]:
    """Let nobody connect to the database any more; sessions that are there already may stay."""
    config = connection.get_connection_params() | {"dbname": "postgres", "autocommit": True}
    keys = ("dbname", "autocommit", "host", "port", "user", "password")
    allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    name = Identifier(connection.settings_dict["NAME"])
    with psycopg.connect(**{key: config[key] for key in keys if key in config}) as elsewhere:
        elsewhere.execute(allow.format(name, False))
        try:
            yield
        finally:
            elsewhere.execute(allow.format(name, True))


@needs_postgresql
def test_when_not_even_the_failure_can_be_recorded_the_command_says_so_and_the_run_is_resumed(
    beside: Beside,
) -> None:
    add_rule("citations >= 3")
    sprouts = plant(9)
    output, errors = StringIO(), StringIO()

    def command() -> None:
        call_command("run_advancement", batch_size=2, json=True, stdout=output, stderr=errors)

    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[5].pk)
        running = beside(command)
        wait_until(somebody_waits_for_a_lock)
        with closed_doors():
            terminate_workers()
            with pytest.raises(CommandError) as raised:
                running.result(60)
    assert str(raised.value).startswith("The database cannot be used (")
    assert json.loads(output.getvalue())["status"] == "failed"
    run = Run.objects.get()
    assert run.status == "applying"
    let_lease_expire(run)
    resume_abandoned()
    assert_all_moved_once(run, 9)


@contextmanager
def another_writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Yield another connection to the file, with little patience left on this one."""
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
        connection.close()
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            yield other
    connection.close()


@only_sqlite
def test_a_locked_database_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(1)
    tries: list[int] = []
    with another_writer(monkeypatch) as other:

        def step() -> None:
            tries.append(1)
            if len(tries) == 4:
                other.rollback()
            Sprout.objects.update(title="notes/renamed.md")

        other.execute("BEGIN IMMEDIATE")
        retrying(step, lambda: None)
    assert len(tries) == 4
    assert Sprout.objects.get().title == "notes/renamed.md"


@only_sqlite
def test_a_run_on_a_database_that_stays_locked_is_resumed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(9)
    run = planned_run(batch_size=2)
    with another_writer(monkeypatch) as other:
        progress = at_cursor(4, lambda: other.execute("BEGIN IMMEDIATE"))
        with pytest.raises(OperationalError, match="locked"):
            work_on(run.pk, run.lease_token, progress=progress)
    run.refresh_from_db()
    assert (run.status, run.cursor) == ("applying", 4)
    Run.objects.update(lease_expires_at=F("created_at"))
    resume_abandoned()
    assert_all_moved_once(run, 9)


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_up_to_three_failures_in_a_row_are_made_good(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, OperationalError("the server is away"), failures, after=1):
        run = finished_run(batch_size=2)
    assert_all_moved_once(run, 5)


def test_the_fourth_failure_in_a_row_ends_the_run_with_the_error_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, OperationalError("the server is away\nDETAIL"), 4, after=1) as seen:
        run = finished_run(batch_size=2)
    assert seen == [5]
    assert (run.status, run.error, run.cursor) == ("failed", "the server is away", 2)
    assert run.lease_expires_at is None
    assert run.finished_at is not None
    assert run.retry_at is not None
    assert AdvancementEvent.objects.count() == 2
    assert summarise(run)["advanced"] == 2
    assert summarise(run)["failed"] == 3
    assert tasks.work() == [], "it is not tried again before its time"
    Run.objects.update(retry_at=F("created_at"))
    assert tasks.work() == [f"run {run.pk} succeeded"]
    assert_all_moved_once(run, 5)


def test_failures_with_progress_between_them_are_not_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(12)
    make_moves, seen = Applier._make_moves, [0]

    def fail_every_other_time(self: Applier, *arguments: Any) -> Any:
        moved = make_moves(self, *arguments)
        seen[0] += 1
        if seen[0] % 2:
            raise OperationalError("the server is away")
        return moved

    monkeypatch.setattr(Applier, "_make_moves", fail_every_other_time)
    assert_all_moved_once(finished_run(batch_size=2), 12)


@pytest.mark.parametrize("error", [IntegrityError("broken"), DataError("broken"), ProgrammingError("broken")])
def test_an_error_that_does_not_pass_is_not_retried(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, error, 1) as seen:
        run = finished_run()
    assert seen == [1]
    assert (run.status, run.error) == ("failed", "broken")


def test_a_defect_ends_the_run_and_leaves_its_trace_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, RuntimeError("two and two are five"), 1):
        run = finished_run()
    assert (run.status, run.error) == ("failed", "two and two are five")
    assert caplog.records[-1].exc_info is not None


def test_a_table_that_is_missing_is_not_waited_for() -> None:
    with pytest.raises((OperationalError, ProgrammingError)) as raised:
        execute("SELECT 1 FROM no_such_table")
    assert not may_pass(raised.value)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 1), (1, 1), (2, 2), (5, 16), (7, 60), (500, 60)])
def test_a_run_that_keeps_failing_is_left_alone_longer_and_longer(attempts: int, minutes: int) -> None:
    assert waiting_time(attempts).total_seconds() == minutes * 60
