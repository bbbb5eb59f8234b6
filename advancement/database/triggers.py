"""Triggers that keep the audit trail append-only and note which sprouts' signals are out of date.

SQLite drops a table's triggers whenever a migration remakes the table, so `install_triggers` runs after
every migrate and `missing_triggers` is asked before anything relies on them.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY_TABLES: Final = ("advancement_events", "rule_versions", "rule_criteria")

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
    CREATE OR REPLACE FUNCTION grove_note_dirty_sprouts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO signal_dirty_sprouts (sprout_id) SELECT DISTINCT sprout_id FROM changed;
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
    for operation, rows in _CHANGES_OF_USAGE:
        found["usage_events", f"usage_events_dirty_{operation}_{rows}".lower()] = (
            f"AFTER {operation} ON usage_events REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION grove_note_dirty_sprouts()"
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
    found["sprouts", "sprouts_keep_initial_tier"] = (
        "BEFORE UPDATE OF initial_tier ON sprouts WHEN NEW.initial_tier IS NOT OLD.initial_tier "
        "BEGIN SELECT RAISE(ABORT, 'initial_tier of a sprout never changes'); END"
    )
    for operation, row in _CHANGES_OF_USAGE:
        found["usage_events", f"usage_events_dirty_{operation}_{row}".lower()] = (
            f"AFTER {operation} ON usage_events BEGIN INSERT INTO signal_dirty_sprouts (sprout_id) "
            f"SELECT {row}.sprout_id WHERE NOT EXISTS "
            f"(SELECT 1 FROM signal_dirty_sprouts WHERE sprout_id = {row}.sprout_id); END"
        )
    return {
        (table, name): f"CREATE TRIGGER IF NOT EXISTS {name} {body}" for (table, name), body in found.items()
    }


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place; harmless when they are there already."""
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for function in _POSTGRESQL_FUNCTIONS if postgresql else ():
            cursor.execute(function)
        for (table, name), statement in _expected(connection).items():
            cursor.execute(statement)
            if postgresql:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {name}")


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the triggers that are absent or disabled; `manage.py migrate` puts them back."""
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        " AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    return sorted(name for _, name in _expected(connection) if name not in present)


def _expected(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], str]:
    return _postgresql_triggers() if connection.vendor == "postgresql" else _sqlite_triggers()
