"""The grove of an earlier release is migrated as it is, and goes on from there."""

import gzip
import json
import os
import sqlite3
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from advancement.database.triggers import missing_triggers
from advancement.ledger.seals import head_of_chain
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, AdvancementRule, Run, Sprout

HERE = Path(__file__).parent
# What Django itself keeps about its tables, and the clusters' wake-up, may be written anew.
REMADE = {
    *("django_migrations", "django_content_type", "auth_permission", "sqlite_sequence"),
    *("django_q_schedule", "auth_group", "auth_group_permissions"),
}

Rows = dict[str, tuple[list[str], list[str]]]


@pytest.fixture
def grove(django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[None]:
    """Let this process's Django work on the earlier grove, not migrated yet."""
    stored = gzip.decompress((HERE / f"0006.{connection.vendor}.sql.gz").read_bytes()).decode()
    postgres = connection.vendor == "postgresql"
    name = f"upgrade_{os.getpid()}" if postgres else str(tmp_path / "upgrade.sqlite3")
    before = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        if postgres:
            _beside(f"DROP DATABASE IF EXISTS {name}")
            _beside(f"CREATE DATABASE {name}")
        connection.settings_dict["NAME"] = name
        try:
            if postgres:
                with connection.cursor() as cursor:
                    cursor.execute(stored)
                # The text leaves the session without a search path.
                connection.close()
            else:
                file = sqlite3.connect(name)
                file.executescript(stored)
                file.close()
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
            if postgres:
                _beside(f"DROP DATABASE {name} WITH (FORCE)")


def _beside(sql: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql)


def _migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def _tables() -> Rows:
    """Return the columns and rows of every table."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            described = connection.introspection.get_table_description(cursor, table)
            columns = [column.name for column in described]
            found[table] = columns, _rows(table, columns)
    return found


def _rows(table: str, columns: list[str]) -> list[str]:
    quoted = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {quoted} FROM {table}")
        return sorted(map(repr, cursor.fetchall()))


def _summary(command: str, *arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command(command, *arguments, "--json", stdout=answer)
    summary: dict[str, Any] = json.loads(answer.getvalue())
    return summary


def test_every_row_is_as_it_was_and_the_ledger_is_whole(grove: None) -> None:
    before = _tables()
    _migrate()
    for table, (columns, rows) in before.items():
        if table not in REMADE:
            assert _rows(table, columns) == rows, table
    assert len(before["advancement_events"][1]) == AdvancementEvent.objects.count() == 34
    assert len(before["advancement_seals"][1]) == 4
    assert verify_ledger().found == 0
    assert missing_triggers(connection) == []


def test_the_models_fit_the_migrated_tables(grove: None, capsys: pytest.CaptureFixture[str]) -> None:
    _migrate()
    call_command("makemigrations", check=True, dry_run=True, interactive=False)
    assert capsys.readouterr().out == "No changes detected\n"
    call_command("check", databases=["default"], fail_level="WARNING")


def _pages() -> Iterator[str]:
    for name in ("dashboard", "rules", "runs", "events", "sprouts", "lifecycles", "health", "rollback"):
        yield reverse(f"console:{name}")
    for run in Run.objects.all():
        yield reverse("console:run", args=[run.pk])
        yield reverse("console:left_out", args=[run.pk])
        if run.kind == "rollback":
            yield reverse("console:review_rollback", args=[run.pk])
        if run.kind == "advancement":
            yield reverse("console:plan", args=[run.pk])
    for kind in ("auto-advancement", "manual-override", "bulk-rollback"):
        event = AdvancementEvent.objects.filter(event_type=kind).latest("pk")
        yield reverse("console:event", args=[event.pk])
        yield reverse("console:sprout", args=[event.sprout_id])
    for rule in AdvancementRule.objects.all():
        yield reverse("console:rule", args=[rule.pk])


def test_the_pages_of_what_happened_before_answer(grove: None) -> None:
    _migrate()
    client = Client()
    client.force_login(User.objects.get(username="olga"))
    refused = {page: status for page in _pages() if (status := client.get(page).status_code) != 200}
    assert refused == {}


def test_what_waited_is_decided_another_run_is_made_and_both_are_taken_back(grove: None) -> None:
    _migrate()
    head = head_of_chain()
    tiers = dict(Sprout.objects.values_list("pk", "tier"))
    call_command("aggregate_signals", "--as-of", "2026-01-20T00:00:00Z", stdout=StringIO())
    held = Run.objects.get(status="held")
    approved = _summary("decide_run", str(held.pk), "--approve", "--reason", "As it should be")
    assert (approved["status"], approved["advanced"]) == ("succeeded", held.moves_planned)
    another = _summary("run_advancement", "--from-tier", "seed", "--from-tier", "sapling")
    assert (another["status"], another["advanced"] > 0) == ("succeeded", True)
    for run in (another["run"], str(held.pk)):
        taken_back = _summary("rollback_advancements", "--run", run, "--reason", "Tried out")
        assert taken_back["status"] == "succeeded"
    assert dict(Sprout.objects.values_list("pk", "tier")) == tiers
    assert verify_ledger(head).found == 0
