"""What a supervisor is told: whether the database is there, and what scheduler and outbox do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import ConnectionHandler
from django.test import Client

from advancement.models import Schedule
from advancement.tasks import tick
from tests.notifications.conftest import make_message

pytestmark = pytest.mark.django_db


def reasons(client: Client) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found: list[str] = answer.json()["reasons"]
    assert answer.json()["status"] == ("degraded" if found else "ok")
    return found


def test_before_the_first_look_for_work_it_says_when_that_comes(client: Client) -> None:
    (reason,) = reasons(client)
    assert reason.startswith("the scheduler has not looked for work yet: it does within a minute")


def test_after_a_look_for_work_all_is_well(client: Client) -> None:
    tick()
    assert reasons(client) == []


def test_a_long_silence_is_named(client: Client) -> None:
    tick()
    schedule = Schedule.objects.get()
    assert schedule.ticked_at
    Schedule.objects.update(ticked_at=schedule.ticked_at - timedelta(minutes=17))
    (reason,) = reasons(client)
    assert reason.startswith("the scheduler last looked for work 17 minutes ago: restart the task clusters")
    assert reason.endswith("unless they started less than a minute ago")


def test_without_the_built_in_schedule_nobody_is_waited_for(client: Client, settings: Any) -> None:
    settings.ADVANCEMENT_CRON = None
    assert reasons(client) == []


def unready(client: Client) -> str:
    """Return why the process is not ready, while it lives."""
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unready"
    (reason,) = answer.json()["reasons"]
    return str(reason)


def test_a_database_that_is_not_migrated_is_not_ready(client: Client) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="advancement").order_by("-id")[:1]
    MigrationRecorder.Migration.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).delete()
    assert unready(client) == "the database is not migrated; run manage.py migrate"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/grove.sqlite3"},
        {"ENGINE": "django.db.backends.postgresql", "NAME": "none", "HOST": "127.0.0.1", "PORT": "1"},
    ],
    ids=["no such folder", "nobody listens"],
)
def test_a_database_that_does_not_answer_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, Any]
) -> None:
    monkeypatch.setattr(
        "advancement.views.probes.connection", ConnectionHandler({"default": elsewhere})["default"]
    )
    assert unready(client) == "the database is not reachable"


def ago(**duration: float) -> datetime:
    return datetime.now(UTC) - timedelta(**duration)


def test_a_message_that_has_waited_for_more_than_an_hour_is_named(client: Client) -> None:
    tick()
    make_message(waiting_since=ago(minutes=59), key="run-1-succeeded")
    assert reasons(client) == []
    make_message(waiting_since=ago(minutes=61))
    (reason,) = reasons(client)
    assert reason == (
        "outbox stuck: 1 waiting for more than an hour; start the task cluster notifications, "
        "see the errors under Health, Notifications, in the console, and try again there"
    )


def test_a_message_that_was_given_up_is_named_for_a_day(client: Client) -> None:
    tick()
    make_message(status="failed", failed_at=ago(hours=25), key="run-1-succeeded")
    assert reasons(client) == []
    make_message(status="failed", failed_at=ago(hours=23))
    make_message(waiting_since=ago(hours=2), key="run-2-succeeded")
    (reason,) = reasons(client)
    assert "1 waiting for more than an hour and 1 given up in the last 24 hours;" in reason


def test_messages_that_were_sent_are_no_reason_to_worry(client: Client) -> None:
    tick()
    make_message(status="sent", sent_at=ago(hours=1))
    assert reasons(client) == []
