"""Triggers that keep the audit trail append-only and note which sprouts' signals are out of date.

SQLite drops a table's triggers whenever a migration remakes the table, and cannot remake a table that
another one's trigger names. So `remove_triggers` runs there before a migrate that has something to do,
`install_triggers` after every migrate, and `missing_triggers` is asked before anything relies on them.
"""

from typing import Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY_TABLES: Final = ("advancement_events", "advancement_seals", "rule_versions", "rule_criteria")

# SQLite's INSERT OR REPLACE deletes the rows in its way without firing the triggers on deletion.
_UNIQUE_KEYS: Final = {
    "advancement_events": ("id", "sprout_id, revision", "reverses_id"),
    "advancement_seals": ("number", "run_id"),
    "rule_versions": ("id", "rule_id, number"),
    "rule_criteria": ("id", "version_id, position"),
}

# An event that is given to another sprout makes both of them dirty.
_CHANGES_OF_USAGE: Final = (("INSERT", "NEW"), ("UPDATE", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))

_POSTGRESQL_FUNCTIONS: Final = (
    """
    CREATE OR REPLACE FUNCTION grove_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION grove_keep_initial_tier() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'initial_tier of a sprout never changes'
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION grove_keep_own_versions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (VALUES (NEW.active_version_id), (NEW.draft_version_id)) AS pointer (version)
            WHERE version IS NOT NULL AND NOT EXISTS (
                SELECT FROM rule_versions WHERE rule_versions.id = version AND rule_id = NEW.id
            )
        ) THEN
            RAISE EXCEPTION 'a rule has only versions of its own'
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION grove_note_dirty_sprouts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO signal_dirty_sprouts (sprout_id) SELECT DISTINCT sprout_id FROM changed;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION grove_note_deleted_sprouts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO signal_dirty_sprouts (sprout_id) SELECT id FROM changed;
        RETURN NULL;
    END $$
    """,
)


def _postgresql_triggers() -> dict[tuple[str, str], str]:
    """Return the trigger statements by (table, trigger name)."""
    found: dict[tuple[str, str], str] = {}
    for table in APPEND_ONLY_TABLES:
        found[table, f"{table}_append_only"] = (
            f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION grove_refuse_change()"
        )
        found[table, f"{table}_no_truncate"] = (
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION grove_refuse_change()"
        )
    found["sprouts", "sprouts_keep_initial_tier"] = (
        "BEFORE UPDATE OF initial_tier ON sprouts FOR EACH ROW "
        "WHEN (NEW.initial_tier IS DISTINCT FROM OLD.initial_tier) "
        "EXECUTE FUNCTION grove_keep_initial_tier()"
    )
    found["advancement_rules", "advancement_rules_own_versions"] = (
        "BEFORE INSERT OR UPDATE ON advancement_rules FOR EACH ROW EXECUTE FUNCTION grove_keep_own_versions()"
    )
    for operation, rows in _CHANGES_OF_USAGE:
        found["usage_events", f"usage_events_dirty_{operation}_{rows}".lower()] = (
            f"AFTER {operation} ON usage_events REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION grove_note_dirty_sprouts()"
        )
    found["sprouts", "sprouts_dirty_delete"] = (
        "AFTER DELETE ON sprouts REFERENCING OLD TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION grove_note_deleted_sprouts()"
    )
    return {
        (table, name): f"CREATE OR REPLACE TRIGGER {name} {body}" for (table, name), body in found.items()
    }


def _sqlite_triggers() -> dict[tuple[str, str], str]:
    """Return the trigger statements by (table, trigger name)."""
    found: dict[tuple[str, str], str] = {}
    for table in APPEND_ONLY_TABLES:
        for operation in ("UPDATE", "DELETE"):
            found[table, f"{table}_no_{operation.lower()}"] = (
                f"BEFORE {operation} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {operation} refused'); END"
            )
        taken = " OR ".join(f"EXISTS ({_rows_with(table, key)})" for key in _UNIQUE_KEYS[table])
        found[table, f"{table}_no_replace"] = (
            f"BEFORE INSERT ON {table} WHEN {taken} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: its key is taken'); END"
        )
    found["sprouts", "sprouts_keep_initial_tier"] = (
        "BEFORE UPDATE OF initial_tier ON sprouts WHEN NEW.initial_tier IS NOT OLD.initial_tier "
        "BEGIN SELECT RAISE(ABORT, 'initial_tier of a sprout never changes'); END"
    )
    foreign = " OR ".join(
        f"NEW.{pointer} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM rule_versions WHERE id = NEW.{pointer} AND rule_id = NEW.id)"
        for pointer in ("active_version_id", "draft_version_id")
    )
    for operation in ("INSERT", "UPDATE"):
        found["advancement_rules", f"advancement_rules_own_versions_{operation}".lower()] = (
            f"BEFORE {operation} ON advancement_rules WHEN {foreign} "
            "BEGIN SELECT RAISE(ABORT, 'a rule has only versions of its own'); END"
        )
    for operation, row in _CHANGES_OF_USAGE:
        found["usage_events", f"usage_events_dirty_{operation}_{row}".lower()] = (
            f"AFTER {operation} ON usage_events BEGIN INSERT INTO signal_dirty_sprouts (sprout_id) "
            f"SELECT {row}.sprout_id WHERE NOT EXISTS "
            f"(SELECT 1 FROM signal_dirty_sprouts WHERE sprout_id = {row}.sprout_id); END"
        )
    found["usage_events", "usage_events_dirty_replace_old"] = (
        "BEFORE INSERT ON usage_events BEGIN INSERT INTO signal_dirty_sprouts (sprout_id) "
        f"SELECT sprout_id FROM ({_rows_with('usage_events', 'id')}) "
        "WHERE sprout_id <> NEW.sprout_id; END"
    )
    found["sprouts", "sprouts_dirty_delete"] = (
        "AFTER DELETE ON sprouts BEGIN INSERT INTO signal_dirty_sprouts (sprout_id) VALUES (OLD.id); END"
    )
    return {(table, name): f"CREATE TRIGGER {name} {body}" for (table, name), body in found.items()}


def _rows_with(table: str, key: str) -> str:
    """Return the query of the rows that have the same key as the one to be inserted."""
    columns = key.split(", ")
    return f"SELECT * FROM {table} WHERE " + " AND ".join(f"{name} = NEW.{name}" for name in columns)


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place, as this version of the program wants it.

    Tables that a migration backwards took away are passed over.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        if connection.vendor == "postgresql":
            for function in _POSTGRESQL_FUNCTIONS:
                cursor.execute(function)
            for (table, name), statement in _postgresql_triggers().items():
                if table in there:
                    cursor.execute(statement)
                    cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {name}")
        else:
            for (table, name), statement in _sqlite_triggers().items():
                if table in there:
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                    cursor.execute(statement)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away, so that tables which they name can be remade; for SQLite only."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for _, name in _sqlite_triggers():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def count_triggers(connection: BaseDatabaseWrapper) -> int:
    """Return how many triggers there ought to be."""
    return len(_postgresql_triggers() if connection.vendor == "postgresql" else _sqlite_triggers())


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the triggers that are absent, disabled or, on SQLite, not as they should be.

    `manage.py migrate` puts them back.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
                " AND relnamespace = current_schema()::regnamespace"
            )
            present = set(cursor.fetchall())
            return sorted(name for table, name in _postgresql_triggers() if (table, name) not in present)
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        stored = dict(cursor.fetchall())
        return sorted(name for (_, name), sql in _sqlite_triggers().items() if stored.get(name) != sql)
