"""What the database needs besides tables, put in place after every migrate."""

from typing import Any

from django.core.management import call_command
from django.db import connections

from advancement.database.triggers import install_triggers

TICK_NAME = "advancement tick"


def prepare_database(using: str, **kwargs: Any) -> None:
    """Install the triggers, the cache table and the once-a-minute wake-up; idempotent."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if "advancement_schedule" not in tables:  # migrated backwards, to before this app
        return
    install_triggers(connection)
    call_command("createcachetable", database=using, verbosity=0)
    if "django_q_schedule" in tables:
        _schedule_tick(using)


def _schedule_tick(using: str) -> None:
    from django_q.models import Schedule

    Schedule.objects.using(using).update_or_create(
        name=TICK_NAME,
        defaults={
            "func": "advancement.tasks.tick",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "cluster": "control",
            "args": None,
            "kwargs": None,
            "hook": None,
        },
    )
