"""The audit trail is append-only whatever writes to it, and triggers that went missing come back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.models import F
from django.test import Client

from advancement.database.triggers import APPEND_ONLY_TABLES, install_triggers, missing_triggers
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    DirtySprout,
    RuleCriterion,
    RuleVersion,
    Run,
    Sprout,
    UsageEvent,
)
from tests.database.rows import event_values, insert, refused, saved, seal_values, usage_event_values
from tests.factories import CREATED, add_rule, make_sprout

pytestmark = pytest.mark.django_db

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite does this")
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL does this")

Row = models.Model

TRAIL: dict[str, Callable[[], Row]] = {
    "advancement_events": lambda: saved(event_values()),
    "advancement_seals": lambda: saved(seal_values()),
    "rule_versions": lambda: add_rule(),
    "rule_criteria": lambda: RuleCriterion.objects.get(version=add_rule()),
}
# A column that may be changed without hurting any constraint, and a key other than the primary one.
HARMLESS = {
    "advancement_events": "run_id",
    "advancement_seals": "events",
    "rule_versions": "priority",
    "rule_criteria": "threshold",
}
SECOND_KEY = {
    "advancement_events": "sprout_id, revision",
    "advancement_seals": "run_id",
    "rule_versions": "rule_id, number",
    "rule_criteria": "version_id, position",
}


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def key_of(row: Row) -> str:
    return str(row._meta.pk.column)


def every(row: Row) -> Any:
    return type(row)._default_manager.all()


WRITES: dict[str, Callable[[Row, str], Any]] = {
    "save": lambda row, column: row.save(force_update=True),
    "QuerySet.update": lambda row, column: every(row).update(**{column: F(column)}),
    "bulk_update": lambda row, column: every(row).bulk_update([row], [column]),
    "UPDATE": lambda row, column: execute(f"UPDATE {row._meta.db_table} SET {column} = {column}"),
    "QuerySet._raw_delete": lambda row, column: every(row)._raw_delete("default"),
    "DELETE": lambda row, column: execute(f"DELETE FROM {row._meta.db_table}"),
    "DELETE of one row": lambda row, column: execute(
        f"DELETE FROM {row._meta.db_table} WHERE {key_of(row)} = {row.pk}"
    ),
    "ON CONFLICT (id) DO UPDATE": lambda row, column: insert(
        row, end=f"ON CONFLICT ({key_of(row)}) DO UPDATE SET {column} = EXCLUDED.{column}"
    ),
    "ON CONFLICT (key) DO UPDATE": lambda row, column: insert(
        row,
        end=f"ON CONFLICT ({SECOND_KEY[row._meta.db_table]}) DO UPDATE SET {column} = 5",
        **{key_of(row): 987654},
    ),
    "bulk_create with update_conflicts": lambda row, column: every(row).bulk_create(
        [row], update_conflicts=True, unique_fields=[key_of(row)], update_fields=[column]
    ),
}


@pytest.mark.parametrize("table", APPEND_ONLY_TABLES)
@pytest.mark.parametrize("write", WRITES)
def test_the_audit_trail_refuses(table: str, write: str) -> None:
    row = TRAIL[table]()
    with refused("append-only"):
        WRITES[write](row, HARMLESS[table])
    assert every(row).get() == row


@on_postgresql
@pytest.mark.parametrize("table", APPEND_ONLY_TABLES)
@pytest.mark.parametrize("statement", ["TRUNCATE {} CASCADE", "TRUNCATE sprouts, {} CASCADE"])
def test_the_audit_trail_refuses_to_be_truncated(table: str, statement: str) -> None:
    row = TRAIL[table]()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with refused("append-only"):
        execute(statement.format(table))
    assert every(row).get() == row


@on_postgresql
def test_truncating_the_rules_with_all_that_hangs_on_them_is_refused() -> None:
    version = add_rule()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with refused("append-only"):
        execute("TRUNCATE advancement_rules CASCADE")
    assert RuleVersion.objects.get() == version


@on_postgresql
@pytest.mark.parametrize("table", APPEND_ONLY_TABLES)
def test_the_audit_trail_refuses_to_be_merged_into(table: str) -> None:
    row = TRAIL[table]()
    with refused("append-only"):
        execute(f"MERGE INTO {table} AS t USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE")
    assert every(row).get() == row


@on_sqlite
@pytest.mark.parametrize("table", APPEND_ONLY_TABLES)
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"])
@pytest.mark.parametrize("same", ["id", "key"])
def test_the_audit_trail_refuses_to_be_replaced(table: str, verb: str, same: str) -> None:
    row = TRAIL[table]()
    with refused("append-only"):
        insert(row, verb, **{HARMLESS[table]: 5} | ({} if same == "id" else {key_of(row): 987654}))
    assert every(row).get().pk == row.pk


@on_sqlite
def test_a_reversal_cannot_replace_another() -> None:
    event = saved(event_values())
    back = {"event_type": "bulk-rollback", "reason": "too early", "reverses": event}
    first = saved(event_values(**back))
    with refused("append-only"):
        insert(event_values(**back), "REPLACE")
    assert AdvancementEvent.objects.filter(reverses=event).get() == first


def test_deleting_a_rule_cannot_take_its_versions_along() -> None:
    version = add_rule()
    with refused():
        execute("DELETE FROM advancement_rules")
        connection.check_constraints()
    with pytest.raises(models.ProtectedError), transaction.atomic():
        AdvancementRule.objects.all().delete()
    assert RuleVersion.objects.get() == version


@pytest.mark.parametrize("how", ["ORM", "SQL"])
def test_deleting_a_sprout_leaves_its_events(how: str) -> None:
    sprout = make_sprout()
    event = saved(event_values(sprout_id=sprout.pk, sprout_title="notes/elm.md"))
    Sprout.objects.all().delete() if how == "ORM" else execute("DELETE FROM sprouts")
    connection.check_constraints()
    assert AdvancementEvent.objects.get() == event


@pytest.mark.parametrize("how", ["ORM", "SQL", "upsert"])
def test_the_initial_tier_never_changes(how: str) -> None:
    sprout = make_sprout()
    with refused("never changes"):
        if how == "ORM":
            Sprout.objects.update(initial_tier="grove")
        elif how == "SQL":
            execute("UPDATE sprouts SET title = 'x', initial_tier = 'grove'")
        else:
            end = "ON CONFLICT (id) DO UPDATE SET initial_tier = EXCLUDED.initial_tier"
            insert(sprout, end=end, initial_tier="grove")
    execute("UPDATE sprouts SET initial_tier = initial_tier, tier = 'tree'")


# --- Dirty sprouts ---------------------------------------------------------------------------------


def dirty() -> set[Any]:
    return set(DirtySprout.objects.values_list("sprout_id", flat=True))


@pytest.fixture
def used() -> UsageEvent:
    """A usage event whose sprout is clean again."""
    event: UsageEvent = saved(usage_event_values())
    DirtySprout.objects.all().delete()
    return event


def test_a_new_usage_event_makes_its_sprout_dirty() -> None:
    event = saved(usage_event_values())
    assert dirty() == {event.sprout_id}


def test_many_usage_events_make_each_of_their_sprouts_dirty() -> None:
    sprouts = [make_sprout().pk for _ in range(3)]
    UsageEvent.objects.bulk_create(usage_event_values(sprout_id=pk) for pk in sprouts * 4)
    assert dirty() == set(sprouts)
    assert DirtySprout.objects.count() == 3


def test_a_changed_usage_event_makes_its_sprout_dirty(used: UsageEvent) -> None:
    UsageEvent.objects.update(created_at=CREATED)
    assert dirty() == {used.sprout_id}


def test_a_usage_event_given_to_another_sprout_makes_both_dirty(used: UsageEvent) -> None:
    other = make_sprout()
    UsageEvent.objects.update(sprout=other)
    assert dirty() == {used.sprout_id, other.pk}


@on_sqlite
def test_a_usage_event_replaced_by_one_of_another_sprout_makes_both_dirty(used: UsageEvent) -> None:
    other = make_sprout()
    insert(usage_event_values(id=used.pk, sprout_id=other.pk), "INSERT OR REPLACE")
    assert dirty() == {used.sprout_id, other.pk}


@pytest.mark.parametrize("how", ["ORM", "SQL"])
def test_a_deleted_usage_event_makes_its_sprout_dirty(used: UsageEvent, how: str) -> None:
    UsageEvent.objects.all().delete() if how == "ORM" else execute("DELETE FROM usage_events")
    assert dirty() == {used.sprout_id}


def test_a_usage_event_that_is_not_kept_leaves_no_mark() -> None:
    with refused():
        insert(usage_event_values(), event_type="danced")
    assert dirty() == set()


# --- Triggers that went missing ----------------------------------------------------------------------


def drop(table: str, trigger: str) -> None:
    on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
    execute(f"DROP TRIGGER {trigger}{on_table}")


def append_only_trigger() -> str:
    return "rule_versions_" + ("append_only" if connection.vendor == "postgresql" else "no_update")


def migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def test_none_is_missing_after_migrate() -> None:
    assert missing_triggers(connection) == []


def test_a_dropped_trigger_is_named_and_put_back_by_migrate() -> None:
    drop("rule_versions", append_only_trigger())
    assert missing_triggers(connection) == [append_only_trigger()]
    migrate()
    assert missing_triggers(connection) == []
    test_the_audit_trail_refuses("rule_versions", "UPDATE")


@on_postgresql
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
@pytest.mark.parametrize(
    "trigger", ["advancement_events_append_only", "advancement_events_no_truncate", "ALL"]
)
def test_a_disabled_trigger_is_named_and_put_back_by_migrate(state: str, trigger: str) -> None:
    if trigger == "ALL" and state != "DISABLE":
        pytest.skip("PostgreSQL has no such statement")
    execute(f"ALTER TABLE advancement_events {state} TRIGGER {trigger}")
    named = missing_triggers(connection)
    assert trigger == "ALL" or named == [trigger]
    assert named
    migrate()
    assert missing_triggers(connection) == []
    test_the_audit_trail_refuses("advancement_events", "DELETE")


@on_postgresql
def test_a_trigger_of_the_same_name_on_another_table_does_not_count() -> None:
    trigger = append_only_trigger()
    drop("rule_versions", trigger)
    function = "EXECUTE FUNCTION grove_refuse_change()"
    execute(f"CREATE TRIGGER {trigger} BEFORE DELETE ON sprouts FOR EACH ROW {function}")
    assert missing_triggers(connection) == [trigger]


@on_sqlite
def test_a_trigger_that_does_something_else_is_named_and_mended_by_migrate() -> None:
    drop("rule_versions", "rule_versions_no_update")
    execute("CREATE TRIGGER rule_versions_no_update BEFORE UPDATE ON rule_versions BEGIN SELECT 1; END")
    assert missing_triggers(connection) == ["rule_versions_no_update"]
    migrate()
    assert missing_triggers(connection) == []


@on_postgresql
def test_a_function_that_does_something_else_is_mended_by_migrate() -> None:
    execute("CREATE OR REPLACE FUNCTION grove_refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'")  # fmt: skip
    migrate()
    test_the_audit_trail_refuses("rule_versions", "UPDATE")


def test_readyz_says_degraded_and_why(client: Client) -> None:
    assert "trigger" not in client.get("/readyz").content.decode()
    drop("rule_versions", append_only_trigger())
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert append_only_trigger() in json.dumps(answer.json()["reasons"])


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--scheduled"]])
def test_run_advancement_refuses_to_start(options: list[str]) -> None:
    drop("rule_versions", append_only_trigger())
    with pytest.raises(CommandError, match="audit trail is not protected"):
        call_command("run_advancement", *options)
    assert not Run.objects.exclude(status="failed").exists()


@on_sqlite
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("model", "name"),
    [(RuleCriterion, "signal"), (AdvancementEvent, "rule_id"), (UsageEvent, "id"), (Sprout, "tier")],
)
def test_a_remade_table_loses_its_triggers_and_migrate_puts_them_back(model: type[Row], name: str) -> None:
    old: Any = model._meta.get_field(name)
    new = old.clone()
    new.max_length = 333
    new.set_attributes_from_name(name)
    new.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, new)
    assert all(trigger.startswith(model._meta.db_table) for trigger in missing_triggers(connection))
    assert missing_triggers(connection)
    with connection.schema_editor() as editor:
        editor.alter_field(model, new, old)
    migrate()
    assert missing_triggers(connection) == []
    install_triggers(connection)
    assert missing_triggers(connection) == []
