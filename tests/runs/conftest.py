"""Workers that are real: threads with connections of their own, and processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from pytest_django import Settings

from advancement.apply import Applier
from advancement.criteria.signals import Period
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, LeftOut, Move, Run, SignalAggregation, Sprout
from tests.factories import refreshed, signal_values, sprout_values

# A night.
DAY = date(2026, 3, 5)
MANAGE = Path(__file__).parents[2] / "manage.py"

Beside = Callable[[Callable[[], Any]], "Future[Any]"]

needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time and no row locks"
)


@pytest.fixture
def beside(transactional_db: None) -> Iterator[Beside]:
    """Run a function at the same time, on a connection of its own."""
    with ThreadPoolExecutor(32) as pool:

        def start(function: Callable[[], Any]) -> "Future[Any]":
            def run() -> Any:
                try:
                    return function()
                finally:
                    connection.close()

            return pool.submit(run)

        yield start


@pytest.fixture
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once, as often as ever."""
    monkeypatch.setattr("advancement.runs.retry.RETRY_DELAYS", (0, 0, 0))


@pytest.fixture
def no_guardrails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs move every sprout there is, here and in the processes that are started."""
    settings.ADVANCEMENT_MAX_SHARE = 1.0
    monkeypatch.setenv("ADVANCEMENT_MAX_SHARE", "1")


def plant(count: int, citations: int = 3) -> list[Sprout]:
    """Save sprouts with signals, quickly."""
    sprouts = Sprout.objects.bulk_create([sprout_values() for _ in range(count)])
    SignalAggregation.objects.bulk_create(
        [signal_values(sprout, period, citations=citations) for sprout in sprouts for period in Period]
    )
    refreshed()
    return sprouts


def wait_until(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"in {seconds} s it did not come to what is waited for")
        time.sleep(0.005)
    return value


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else it stays as first seen in a transaction
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def let_lease_expire(run: Run) -> None:
    """Let the lease's time pass at once."""
    with connection.cursor() as cursor:
        later = "clock_timestamp() - INTERVAL '1 second'"
        if connection.vendor == "sqlite":
            later = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', '-1 seconds')"
        cursor.execute(f"UPDATE advancement_runs SET lease_expires_at = {later} WHERE id = %s", [run.pk])


def assert_all_moved_once(run: Run, count: int) -> None:
    """Check that a run made every one of its moves, none twice, and lost none."""
    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")
    assert run.moves_planned == run.cursor == run.advanced + run.skipped == count
    assert Move.objects.filter(run=run).count() == count
    events = AdvancementEvent.objects.filter(run_id=run.pk)
    assert events.count() == events.values("sprout_id").distinct().count() == run.advanced
    assert LeftOut.objects.filter(run=run, bucket="skipped").count() == run.skipped
    assert_ledger_holds()


def assert_ledger_holds() -> None:
    """Check that each sprout's tier is that of its newest event, and all else that can be verified."""
    newest: dict[Any, tuple[int, str]] = {}
    for sprout, revision, tier in AdvancementEvent.objects.values_list("sprout_id", "revision", "to_tier"):
        newest[sprout] = max(newest.get(sprout, (0, "")), (revision, tier))
    for sprout in Sprout.objects.all():
        assert newest.get(sprout.pk, (sprout.revision, sprout.initial_tier))[1] == sprout.tier
    assert [finding for check in verify_ledger().checks for finding in check.findings] == []


@dataclass
class Ended:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def database_url() -> str:
    """Return the address of the test database."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    password = f":{quote(config['PASSWORD'], safe='')}" if config["PASSWORD"] else ""
    host = f"{config['HOST']}:{config['PORT'] or 5432}"
    return f"postgres://{config['USER']}{password}@{host}/{config['NAME']}"


def start_manage(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Start manage.py against the test database."""
    return subprocess.Popen(
        [sys.executable, str(MANAGE), *arguments],
        env=os.environ | {"DATABASE_URL": database_url(), "DEBUG": "1"} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process: "subprocess.Popen[str]", timeout: float = 120, typed: str = "") -> Ended:
    """Wait for the end of a process."""
    try:
        out, err = process.communicate(typed, timeout=timeout)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def manage(*arguments: str, typed: str = "", **environment: str) -> Ended:
    """Run manage.py to its end against the test database, with something on its standard input."""
    return end_of(start_manage(*arguments, **environment), typed=typed)


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a process as the kernel would that is out of memory."""
    process.send_signal(signal.SIGKILL)
    assert end_of(process).code == -signal.SIGKILL


def open_transaction() -> AbstractContextManager[None]:
    """Return a transaction that others have to wait for."""
    return transaction.atomic()


def execute(sql: str, *values: Any) -> CursorWrapper:
    """Execute one statement and return its cursor."""
    cursor = connection.cursor()
    cursor.execute(sql, values)
    return cursor


@contextmanager
def failing_batches(
    monkeypatch: pytest.MonkeyPatch, error: Exception, times: int, after: int = 0
) -> Iterator[list[int]]:
    """Let some batches fail after their moves were made, before the commit."""
    make_moves, seen = Applier._make_moves, [0]

    def fail(self: Applier, *arguments: Any) -> Any:
        moved = make_moves(self, *arguments)
        seen[0] += 1
        if after < seen[0] <= after + times:
            raise error
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Applier, "_make_moves", fail)
        yield seen
