"""A process that is stopped inside a transaction keeps its locks for half of a lease, not for ever."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from advancement.database.locks import lock_signals
from advancement.models import Run
from advancement.runs.lease import abandoned, take_lease
from advancement.runs.schedule import resume_abandoned, run_scheduled
from advancement.runs.start import RunRequest, claim_date
from tests.factories import add_rule, planned_run
from tests.runs.conftest import (
    DAY,
    Beside,
    assert_all_moved_once,
    execute,
    kill,
    let_lease_expire,
    needs_postgresql,
    open_transaction,
    plant,
    somebody_waits_for_a_lock,
    start_manage,
    wait_until,
)

pytestmark = [
    needs_postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_guardrails", "no_delays", "short_lease"),
]

LEASE = timedelta(seconds=2)
SOON = 20


@pytest.fixture
def short_lease(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give workers two seconds, here and in the processes that are started."""
    settings.ADVANCEMENT_LEASE = LEASE
    monkeypatch.setenv("ADVANCEMENT_LEASE", "2s")


@pytest.fixture
def gate(transactional_db: None) -> Iterator[None]:
    """Let whoever begins to apply a run, or claims a date, wait inside its transaction for a lock."""
    execute(
        "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$"
    )
    execute(
        "CREATE TRIGGER gate_to_apply BEFORE UPDATE ON advancement_runs FOR EACH ROW"
        " WHEN (NEW.status = 'applying' AND OLD.status <> 'applying') EXECUTE FUNCTION wait_at_gate()"
    )
    execute(
        "CREATE TRIGGER gate_to_claim AFTER INSERT ON advancement_runs FOR EACH ROW"
        " WHEN (NEW.trigger = 'schedule') EXECUTE FUNCTION wait_at_gate()"
    )
    yield
    execute("DROP FUNCTION wait_at_gate CASCADE")


@contextmanager
def closed_gate() -> Iterator[None]:
    execute("SELECT pg_advisory_lock(4711)")
    try:
        yield
    finally:
        execute("SELECT pg_advisory_unlock(4711)")


def stop_once_it_waits(process: "subprocess.Popen[str]") -> None:
    """Stop a process whose statement the server goes on with: its transaction then stands idle."""
    wait_until(somebody_waits_for_a_lock)
    process.send_signal(signal.SIGSTOP)


def test_an_aggregation_stopped_in_its_transaction_does_not_hang_the_night(beside: Beside) -> None:
    add_rule("citations >= 3")
    plant(3)
    with open_transaction():
        execute("LOCK TABLE signal_refreshes IN EXCLUSIVE MODE")
        process = start_manage("aggregate_signals")
        stop_once_it_waits(process)
    night = beside(lambda: run_scheduled(DAY, RunRequest()))
    run, _ = night.result(SOON)
    kill(process)
    assert_all_moved_once(run, 3)


def test_an_import_stopped_in_its_transaction_does_not_hang_the_night(beside: Beside, tmp_path: Path) -> None:
    add_rule("citations >= 3")
    sprouts = plant(3)
    file = tmp_path / "signals.csv"
    file.write_text(f"sprout_id,period,reference_count\n{sprouts[0].pk},all_time,4\n")
    with open_transaction():
        execute("LOCK TABLE signal_refreshes IN EXCLUSIVE MODE")
        process = start_manage("import_signals", str(file))
        stop_once_it_waits(process)
    night = beside(lambda: run_scheduled(DAY, RunRequest()))
    run, _ = night.result(SOON)
    kill(process)
    assert_all_moved_once(run, 3)


def test_a_night_whose_signals_stay_locked_fails_and_says_so(beside: Beside) -> None:
    plant(1)
    with open_transaction():
        lock_signals()
        night = beside(lambda: run_scheduled(DAY, RunRequest()))
        run, _ = night.result(SOON)
    assert run.status == "failed"
    assert "lock timeout" in run.error
    assert run.retry_at is not None


def test_a_worker_stopped_while_it_begins_to_apply_is_replaced(gate: None, beside: Beside) -> None:
    add_rule("citations >= 3")
    plant(3)
    with closed_gate():
        process = start_manage("run_advancement", "--json")
        stop_once_it_waits(process)
    wait_until(lambda: abandoned().exists(), 5)
    assert [run.status for run in beside(resume_abandoned).result(SOON)] == ["succeeded"]
    kill(process)
    assert_all_moved_once(Run.objects.get(), 3)


def test_a_scheduler_stopped_while_it_claims_a_date_leaves_it_to_the_next(gate: None, beside: Beside) -> None:
    with closed_gate():
        process = start_manage("run_advancement", "--scheduled", "--json")
        stop_once_it_waits(process)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
        today = cursor.fetchone()[0]
    _, mine = beside(lambda: claim_date(today, RunRequest())).result(SOON)
    kill(process)
    assert mine


def test_a_run_whose_row_stays_locked_counts_as_somebody_s(beside: Beside) -> None:
    run = planned_run()
    let_lease_expire(run)
    with open_transaction():
        Run.objects.select_for_update().get(pk=run.pk)
        assert beside(lambda: take_lease(run.pk)).result(SOON) is None
    assert take_lease(run.pk)
