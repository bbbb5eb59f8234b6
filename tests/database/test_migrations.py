"""Migrations go forward and back on an empty database of their own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, connections, models
from django.db.migrations import Migration
from django.db.models.signals import pre_migrate
from django.test.utils import CaptureQueriesContext
from django_q.models import Schedule
from pytest_django import DjangoDbBlocker

from advancement.database.setup import TICK_NAME
from advancement.database.triggers import missing_triggers
from advancement.models import AdvancementEvent, DirtySprout, LifecycleModel, RuleVersion, Tier
from advancement.rights import ROLES, Right

SCRATCH = "scratch"


@pytest.fixture
def scratch(django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[Any]:
    """Connect to a database of this test's own, with nothing in it."""
    name = (
        f"scratch_{os.getpid()}" if connection.vendor == "postgresql" else str(tmp_path / "scratch.sqlite3")
    )
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                cursor.execute(f"CREATE DATABASE {name}")
        connections.databases[SCRATCH] = connection.settings_dict | {"NAME": name, "CONN_MAX_AGE": 0}
        try:
            yield connections[SCRATCH]
        finally:
            connections[SCRATCH].close()
            del connections[SCRATCH]
            del connections.databases[SCRATCH]
            if connection.vendor == "postgresql":
                with connection._nodb_cursor() as cursor:
                    cursor.execute(f"DROP DATABASE {name}")


def migrate(*target: str) -> None:
    call_command("migrate", *target, database=SCRATCH, verbosity=0, interactive=False)


def our_tables(scratch: Any) -> set[str]:
    return set(scratch.introspection.table_names()) & {
        model._meta.db_table for model in apps.get_app_config("advancement").get_models()
    }


def ticks() -> int:
    return len(Schedule.objects.using(SCRATCH).filter(name=TICK_NAME))


@pytest.mark.django_db
def test_the_models_need_no_migration_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("makemigrations", check=True, dry_run=True, interactive=False)
    assert capsys.readouterr().out == "No changes detected\n"


def test_they_go_forward_back_to_nothing_and_forward_again(scratch: Any) -> None:
    migrate()
    tables = our_tables(scratch)
    assert len(tables) == len(list(apps.get_app_config("advancement").get_models()))
    migrate("advancement", "zero")
    assert our_tables(scratch) == set()
    migrate()
    assert our_tables(scratch) == tables
    assert missing_triggers(scratch) == []
    assert ticks() == 1
    assert Tier.objects.using(SCRATCH).count() == 5


def test_back_to_before_the_seals_the_triggers_of_the_other_tables_stay(scratch: Any) -> None:
    migrate()
    migrate("advancement", "0002")
    missing = missing_triggers(scratch)
    assert missing
    assert [name for name in missing if not name.startswith("advancement_seals_")] == []
    migrate()
    assert missing_triggers(scratch) == []


def test_a_fresh_database_passes_the_check_and_a_second_migrate_changes_nothing(scratch: Any) -> None:
    migrate()
    call_command("check", databases=[SCRATCH], fail_level="WARNING")
    with CaptureQueriesContext(scratch) as queries:
        migrate()
    assert not any("django_migrations" in sql["sql"] and "INSERT" in sql["sql"] for sql in queries)
    assert missing_triggers(scratch) == []
    assert ticks() == 1


def test_a_tick_that_two_migrates_added_at_once_is_left_once(scratch: Any) -> None:
    migrate()
    tick = Schedule.objects.using(SCRATCH).get(name=TICK_NAME)
    tick.pk = None
    tick.save(using=SCRATCH)
    Schedule.objects.using(SCRATCH).update(func="elsewhere.tick")
    migrate()
    assert Schedule.objects.using(SCRATCH).get(name=TICK_NAME).func == "advancement.tasks.tick"


def rights_of_roles() -> dict[str, set[str]]:
    return {
        role.name: {f"{right.content_type.app_label}.{right.codename}" for right in role.permissions.all()}
        for role in Group.objects.using(SCRATCH).prefetch_related("permissions__content_type")
    }


def test_the_roles_come_with_the_migrations_into_a_grove_that_has_people_and_groups(scratch: Any) -> None:
    migrate("auth")
    migrate("advancement", "0007")
    olga = User.objects.db_manager(SCRATCH).create_user("olga", is_staff=True)
    viewers = Group.objects.using(SCRATCH).create(name="Viewer")
    olga.groups.add(viewers)
    migrate()
    updated = rights_of_roles()
    assert set(updated) == set(ROLES)
    assert list(olga.groups.values_list("name", flat=True)) == ["Viewer"]
    assert Right.VIEW_RUNS in updated["Viewer"]
    migrate("advancement", "zero")
    migrate("auth", "zero")
    migrate()
    assert rights_of_roles() == updated


def test_botanical_comes_with_the_migrations(scratch: Any) -> None:
    migrate()
    assert [model.label for model in LifecycleModel.objects.using(SCRATCH).all()] == ["Botanical"]
    assert [
        (tier.position, tier.slug, tier.label, tier.emoji)
        for tier in Tier.objects.using(SCRATCH).filter(lifecycle_model="botanical")
    ] == [
        (0, "seed", "Seed", "🌰"),
        (1, "sprout", "Sprout", "🌱"),
        (2, "sapling", "Sapling", "🌿"),
        (3, "tree", "Tree", "🌳"),
        (4, "grove", "Grove", "🌲"),
    ]


@pytest.mark.parametrize(
    ("model", "name"),
    [(DirtySprout, "sprout_id"), (RuleVersion, "title"), (AdvancementEvent, "sprout_title")],
)
def test_a_later_migration_may_alter_a_table_that_triggers_name(
    scratch: Any, model: type[models.Model], name: str
) -> None:
    migrate()
    plan = [(Migration("0009_later", "advancement"), False)]
    pre_migrate.send(
        apps.get_app_config("advancement"),
        app_config=apps.get_app_config("advancement"),
        verbosity=0,
        interactive=False,
        using=SCRATCH,
        plan=plan,
        apps=apps,
    )
    old: Any = model._meta.get_field(name)
    new = models.CharField(max_length=400)
    new.set_attributes_from_name(name)
    with scratch.schema_editor() as editor:
        new.model = model
        editor.alter_field(model, old, new)
    migrate()
    assert missing_triggers(scratch) == []
