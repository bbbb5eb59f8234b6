"""What the database needs besides tables, put in place after every migrate."""

from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models.signals import pre_migrate
from django.dispatch import receiver

from advancement.database.indexes import install_title_index
from advancement.database.triggers import install_triggers, remove_triggers

TICK_NAME = "advancement tick"


@receiver(pre_migrate)
def make_way(app_config: AppConfig, using: str, plan: list[Any], **kwargs: Any) -> None:
    """Take SQLite's triggers out of the way of migrations that remake tables; `prepare_database` follows."""
    connection = connections[using]
    if app_config.name == "advancement" and plan and connection.vendor == "sqlite":
        remove_triggers(connection)


def prepare_database(using: str, **kwargs: Any) -> None:
    """Install the triggers, the title index, the cache table and the once-a-minute wake-up; idempotent."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if "advancement_schedule" not in tables:  # migrated backwards, to before this app
        return
    install_triggers(connection)
    install_title_index(connection)
    call_command("createcachetable", database=using, verbosity=0)
    if "django_q_schedule" in tables:
        _schedule_tick(using)


def _schedule_tick(using: str) -> None:
    from django_q.models import Schedule

    # Two migrates at once may both have added it; what they left over goes.
    with transaction.atomic(using=using):
        ticks = Schedule.objects.using(using).filter(name=TICK_NAME).order_by("pk")
        ticks.filter(pk__in=list(ticks.values_list("pk", flat=True)[1:])).delete()
        ticks.update_or_create(
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
