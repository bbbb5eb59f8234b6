"""The statements that move sprouts and write their events."""

from typing import Final

from advancement.apply.eligible import EVENT_COLUMNS, EVENT_TYPES, eligible_moves
from advancement.database.statements import Fragment
from advancement.models import Run
from advancement.models.runs import RunKind

_CONSTANT_COLUMNS: Final = "event_type, operator_id, reason, run_id, timestamp"
_CONSTANT_VALUES: Final = "%(event_type)s, %(operator)s, %(why)s, %(run)s"


def move_on_postgresql(run: Run, using: str) -> Fragment:
    """Return the one statement that updates the sprouts and inserts their events.

    The update repeats the revision, so a sprout that changes while the statement waits for its lock is
    left alone, and only what was updated gets an event.
    """
    eligible = Fragment.of(eligible_moves(run, using), using)
    sql = f"""
        WITH eligible ({EVENT_COLUMNS}, in_tier_since) AS MATERIALIZED ({eligible.sql}),
        moved AS (
            UPDATE sprouts AS s
            SET tier = e.to_tier, revision = e.revision,
                tier_updated_at = COALESCE(e.in_tier_since, STATEMENT_TIMESTAMP())
            FROM eligible AS e
            WHERE s.id = e.sprout_id AND s.revision = e.revision - 1
            RETURNING e.*
        )
        INSERT INTO advancement_events ({EVENT_COLUMNS}, {_CONSTANT_COLUMNS})
        SELECT {EVENT_COLUMNS}, {_CONSTANT_VALUES}, STATEMENT_TIMESTAMP() FROM moved
    """
    return Fragment(sql, {**eligible.constants, **_constants(run)})


def insert_events_on_sqlite(run: Run, using: str) -> Fragment:
    """Return the statement that inserts the events; `update_sprouts_on_sqlite` follows it.

    SQLite cannot write two tables in one statement; the immediate transaction keeps others out between.
    """
    eligible = Fragment.of(eligible_moves(run, using), using)
    sql = f"""
        INSERT INTO advancement_events ({EVENT_COLUMNS}, {_CONSTANT_COLUMNS})
        WITH eligible ({EVENT_COLUMNS}, in_tier_since) AS ({eligible.sql})
        SELECT {EVENT_COLUMNS}, {_CONSTANT_VALUES}, STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')
        FROM eligible
    """
    return Fragment(sql, {**eligible.constants, **_constants(run)})


def update_sprouts_on_sqlite(run: Run) -> Fragment:
    """Return the statement that moves the sprouts of the events inserted after event `last`."""
    sql = """
        UPDATE sprouts
        SET tier = e.to_tier, revision = e.revision,
            tier_updated_at = COALESCE(
                (SELECT r.former_tier_updated_at FROM advancement_events AS r WHERE r.id = e.reverses_id),
                e.timestamp
            )
        FROM advancement_events AS e
        WHERE e.run_id = %(run)s AND e.id > %(last)s
            AND sprouts.id = e.sprout_id AND sprouts.revision = e.revision - 1
    """
    return Fragment(sql, {"run": run.pk})


def _constants(run: Run) -> dict[str, object]:
    automatic = run.kind == RunKind.ADVANCEMENT
    return {
        "event_type": str(EVENT_TYPES[RunKind(run.kind)]),
        "operator": "" if automatic else run.decided_by or run.requested_by,
        "why": "" if automatic else run.reason,
        "run": run.pk,
    }
