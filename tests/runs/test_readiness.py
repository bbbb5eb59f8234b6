"""Whether the scheduler is judged by what it does, not by whether its processes live."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from advancement.models import Schedule
from advancement.tasks import tick

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
