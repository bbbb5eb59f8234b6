"""What the task clusters call: a tick each minute that wakes the long-running cluster up."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import SignedPackage
from pytest_django import Settings

from advancement import tasks
from advancement.database.setup import prepare_database
from advancement.models import Run
from advancement.models.runs import RunTrigger
from tests.factories import add_rule, planned_run
from tests.notifications.conftest import make_message
from tests.runs.conftest import assert_all_moved_once, let_lease_expire, plant

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Let a night be due."""
    slot = datetime.now(UTC)
    monkeypatch.setattr("advancement.runs.schedule.latest_slot", lambda cron, now: slot)
    from advancement.models import Schedule as Activation

    Activation.objects.create(activated_at=datetime(2026, 1, 1, tzinfo=UTC))
    return slot


def test_a_tick_with_nothing_due_wakes_nobody() -> None:
    assert tasks.tick() is False
    assert not OrmQ.objects.exists()


def test_a_tick_wakes_the_long_running_cluster_once(due: datetime) -> None:
    assert tasks.tick() is True
    assert [tasks.tick() for _ in range(3)] == [False] * 3
    wake_up = OrmQ.objects.get()
    assert wake_up.key == "runs"
    assert SignedPackage.loads(wake_up.payload)["func"] == "advancement.tasks.work"


def test_a_tick_wakes_it_again_when_the_wake_up_was_taken_and_came_to_nothing(due: datetime) -> None:
    tasks.tick()
    assert len(get_broker("runs").dequeue()) == 1
    assert tasks.tick() is True


def test_work_does_the_date_that_is_due_and_then_there_is_nothing_more_to_do(due: datetime) -> None:
    add_rule("citations >= 3")
    plant(3)
    (line,) = tasks.work()
    run = Run.objects.get()
    assert line == f"run {run.pk} succeeded"
    assert (run.trigger, run.logical_date, run.advanced) == (RunTrigger.SCHEDULE, due.date(), 3)
    assert tasks.work() == []
    assert tasks.tick() is False


def test_a_tick_wakes_the_cluster_for_a_run_that_was_left_lying() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = planned_run()
    assert tasks.tick() is False
    let_lease_expire(run)
    assert tasks.tick() is True
    tasks.work()
    assert_all_moved_once(run, 3)


def test_a_run_that_is_left_lying_is_resumed_even_when_the_schedule_is_off(settings: Settings) -> None:
    settings.ADVANCEMENT_CRON = None
    let_lease_expire(planned_run())
    assert tasks.tick() is True


def test_a_tick_wakes_the_cluster_that_sends_only_when_a_message_is_due() -> None:
    message = make_message(due_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert tasks.tick() is False
    message.due_at = message.created_at
    message.save()
    assert tasks.tick() is True
    assert [tasks.tick() for _ in range(3)] == [False] * 3
    wake_up = OrmQ.objects.get()
    assert wake_up.key == "notifications"
    assert SignedPackage.loads(wake_up.payload)["func"] == "advancement.tasks.send_notifications"


def test_a_tick_wakes_both_when_both_have_something_to_do(due: datetime) -> None:
    make_message()
    assert tasks.tick() is True
    assert set(OrmQ.objects.values_list("key", flat=True)) == {"runs", "notifications"}


@pytest.mark.parametrize("error", ["no such table: advancement_runs", "connection refused\nIs it running?"])
def test_a_tick_on_a_database_that_is_not_ready_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    def fail() -> bool:
        raise OperationalError(error)

    monkeypatch.setattr(tasks, "something_to_do", fail)
    assert tasks.tick() is False
    assert [record.message for record in caplog.records] == [
        f"The schedule cannot be looked at: {error.splitlines()[0]}"
    ]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "advancement.tasks"]


def test_work_writes_one_line_with_the_figures_of_each_run(
    due: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    add_rule("citations >= 3")
    plant(3)
    plant(1, citations=2)
    with caplog.at_level("INFO", logger="advancement.tasks"):
        tasks.work()
    assert lines(caplog) == [f"Run {Run.objects.get().pk} succeeded: 3 of 4 sprouts advanced, 0 skipped."]


def test_the_line_of_a_held_run_says_why(
    due: datetime, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 2
    add_rule("citations >= 3")
    plant(3)
    with caplog.at_level("INFO", logger="advancement.tasks"):
        tasks.work()
    (line,) = lines(caplog)
    assert line.startswith(f"Run {Run.objects.get().pk} is held: 3 moves planned. It would move 3 sprouts")


def test_migrate_schedules_the_tick_each_minute_on_the_quick_cluster() -> None:
    Schedule.objects.all().delete()
    for _ in range(2):
        prepare_database("default")
    tick = Schedule.objects.get()
    assert (tick.func, tick.schedule_type, tick.minutes) == ("advancement.tasks.tick", "I", 1)
    assert (tick.repeats, tick.cluster) == (-1, "control")


def record(days: float, success: bool = True) -> str:
    """Keep the record of a task as a cluster does."""
    stopped = datetime.now(UTC) - timedelta(days=days)
    task = Task(id=uuid.uuid4().hex, name="a task", func="advancement.tasks.tick", success=success)
    task.started = task.stopped = stopped
    task.save(force_insert=True)
    return str(task.id)


def test_a_tick_forgets_old_tasks_and_keeps_failed_ones_longer() -> None:
    cache.clear()
    kept = {record(0), record(6.9), record(8, success=False), record(29.9, success=False)}
    record(7.1)
    record(400)
    record(30.1, success=False)
    tasks.tick()
    assert set(Task.objects.values_list("id", flat=True)) == kept


def test_tasks_are_forgotten_once_an_hour() -> None:
    cache.clear()
    tasks.tick()
    late = record(8)
    tasks.tick()
    assert Task.objects.get().pk == late
    cache.clear()
    assert tasks.prune_tasks() == 1
