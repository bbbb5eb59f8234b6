"""Imports and refreshes that people asked for, when the process that works on them is killed or stopped."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from advancement.importing.uploads import confirm, receive, something_uploaded, work_on_uploads
from advancement.models import SignalAggregation, SignalRefresh, SignalRequest, Sprout, Upload, UploadPart
from advancement.runs.refreshing import ask_for_refresh, refresh_asked_for, refresh_when_asked
from tests.aggregation.conftest import make_event
from tests.factories import make_sprout
from tests.runs.conftest import (
    Beside,
    end_of,
    execute,
    kill,
    needs_postgresql,
    open_transaction,
    somebody_waits_for_a_lock,
    start_manage,
    wait_until,
)

pytestmark = [
    needs_postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("short_lease"),
]

LEASE = timedelta(seconds=1)
ID = uuid4()
FILE = f"id,title,lifecycle_model,tier,created_at\n{ID},notes/oak.md,botanical,seed,2026-01-01T00:00:00Z\n"
SEEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def short_lease(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give workers one second, here and in the processes that are started."""
    settings.ADVANCEMENT_LEASE = LEASE
    monkeypatch.setenv("ADVANCEMENT_LEASE", "1s")
    monkeypatch.setenv("ADVANCEMENT_CRON", "off")


def start_worker() -> Any:
    """Start a process that does what the cluster for runs does when it is woken up."""
    return start_manage("shell", "--no-imports", "-c", "from advancement.tasks import work; work()")


def confirmed() -> Upload:
    """Send a file, check it and confirm it."""
    upload = receive("sprouts", "s.csv", [FILE.encode()], by="ada")
    work_on_uploads()
    confirm(upload.pk)
    return upload


def take_up(work: Callable[[], Any], due: Callable[[], bool]) -> Any:
    """Work once the lease of whoever did before is over."""
    wait_until(due, 5)
    return work()


def test_an_import_whose_worker_is_killed_is_taken_up_after_the_lease_and_done_once() -> None:
    upload = confirmed()
    with open_transaction():
        execute("LOCK TABLE sprouts IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        kill(process)
    assert not something_uploaded()
    assert [done.pk for done in take_up(work_on_uploads, something_uploaded)] == [upload.pk]
    upload.refresh_from_db()
    assert (upload.status, upload.attempts, upload.lease_expires_at) == ("imported", 2, None)
    assert upload.outcome is not None
    assert (upload.outcome["inserted"], upload.outcome["unchanged"]) == (1, 0)
    assert Sprout.objects.get().pk == ID
    assert not UploadPart.objects.exists()


def test_an_import_that_is_stuck_while_its_rows_come_in_keeps_no_other_out() -> None:
    upload = confirmed()
    stuck = start_manage("import_sprouts", "-")
    assert stuck.stdin is not None
    header, row = FILE.splitlines()
    # More than is read at once.
    stuck.stdin.write("\n".join([header, *[row.replace(str(ID), str(uuid4())) for _ in range(10_000)]]))
    stuck.stdin.flush()
    wait_until(lambda: reading_rows() == 1)
    assert [done.pk for done in work_on_uploads()] == [upload.pk]
    assert reading_rows() == 1
    assert end_of(stuck).code == 0
    assert Sprout.objects.count() == 10_001


def reading_rows() -> int:
    """Return how many connections are in the middle of bringing rows in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'COPY%' AND wait_event = 'ClientRead'"
            " AND state = 'active'"
        )
        return int(cursor.fetchone()[0])


def test_an_import_that_takes_longer_than_a_lease_is_not_taken_from_who_lives(beside: Beside) -> None:
    upload = confirmed()
    with open_transaction():
        execute("LOCK TABLE sprouts IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        time.sleep(LEASE.total_seconds() * 2)
        assert beside(work_on_uploads).result(20) == []
    assert end_of(process).code == 0
    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == ("imported", 1)


def test_an_import_that_was_stopped_and_taken_over_keeps_nothing_when_it_wakes_up(beside: Beside) -> None:
    upload = confirmed()
    with open_transaction():
        execute("LOCK TABLE sprouts IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        process.send_signal(signal.SIGSTOP)
    wait_until(something_uploaded, 5)
    assert [done.pk for done in beside(work_on_uploads).result(20)] == [upload.pk]
    process.send_signal(signal.SIGCONT)
    assert end_of(process).code == 0
    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == ("imported", 2)
    assert upload.outcome is not None
    assert upload.outcome["inserted"] == 1
    assert Sprout.objects.count() == 1


def test_an_import_whose_worker_is_told_to_end_waits_for_the_next_one_at_once() -> None:
    upload = confirmed()
    with open_transaction():
        execute("LOCK TABLE sprouts IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        process.send_signal(signal.SIGINT)
        end_of(process)
        assert something_uploaded()
    work_on_uploads()
    upload.refresh_from_db()
    assert upload.status == "imported"


def test_a_file_that_kills_whoever_works_on_it_is_given_up_after_five_attempts() -> None:
    upload = confirmed()
    Upload.objects.filter(pk=upload.pk).update(attempts=5)
    assert [done.pk for done in work_on_uploads()] == [upload.pk]
    upload.refresh_from_db()
    assert upload.status == "refused"
    assert upload.outcome is not None
    assert "was not done in 5 attempts" in upload.outcome["problems"][0]
    assert not Sprout.objects.exists()


def test_a_refresh_whose_worker_is_killed_is_taken_up_after_the_lease_and_done_once() -> None:
    make_event(make_sprout(), SEEN)
    ask_for_refresh(by="ada")
    with open_transaction():
        execute("LOCK TABLE signal_refreshes IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        kill(process)
    assert not refresh_asked_for()
    assert not SignalRefresh.objects.exists()
    assert take_up(refresh_when_asked, refresh_asked_for) is not None
    request = SignalRequest.objects.get()
    assert (request.attempts, request.error, request.lease_expires_at) == (2, "", None)
    assert request.finished_at == SignalRefresh.objects.get().finished_at
    assert SignalAggregation.objects.count() == 3


def test_a_refresh_that_takes_longer_than_a_lease_is_not_taken_from_who_lives() -> None:
    make_event(make_sprout(), SEEN)
    ask_for_refresh(by="ada")
    with open_transaction():
        execute("LOCK TABLE signal_refreshes IN EXCLUSIVE MODE")
        process = start_worker()
        wait_until(somebody_waits_for_a_lock)
        time.sleep(LEASE.total_seconds() * 2)
        assert not refresh_asked_for()
    assert end_of(process).code == 0
    assert SignalRequest.objects.get().attempts == 1
    assert SignalRefresh.objects.count() == 1


def test_a_connection_that_is_lost_in_mid_import_leaves_it_to_the_next_wake_up(beside: Beside) -> None:
    upload = confirmed()
    with open_transaction():
        execute("LOCK TABLE sprouts IN EXCLUSIVE MODE")
        working = beside(work_on_uploads)
        wait_until(somebody_waits_for_a_lock)
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        assert working.result(20) == []
    assert something_uploaded()
    work_on_uploads()
    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == ("imported", 2)


def test_a_file_that_is_confirmed_at_the_last_moment_is_not_dropped(beside: Beside) -> None:
    upload = receive("sprouts", "s.csv", [FILE.encode()], by="ada")
    work_on_uploads()
    Upload.objects.update(uploaded_at=upload.uploaded_at - timedelta(days=8))
    with open_transaction():
        confirm(upload.pk)
        assert beside(work_on_uploads).result(5) == []
    work_on_uploads()
    upload.refresh_from_db()
    assert upload.status == "imported"
    assert Sprout.objects.get().pk == ID
