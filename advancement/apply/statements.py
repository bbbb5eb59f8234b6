"""The statements that move sprouts and write their events, and the one that says what did not move."""

from typing import Final

from advancement.apply.eligible import EVENT_COLUMNS, EVENT_TYPES, eligible_moves
from advancement.database.statements import Fragment
from advancement.models import Hold, Run
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


def record_skipped(run: Run, using: str) -> Fragment:
    """Return the statement that records, with its reason, each move of the batch that was not made."""
    assert run.as_of is not None
    holds = Fragment.of(Hold.objects.in_force(run.as_of).values_list("sprout_id"), using, prefix="hold")
    if run.kind == RunKind.ADVANCEMENT:
        on_hold, specific = "s.id", _ADVANCEMENT_REASONS
    else:  # older holds do not matter to these
        on_hold, specific = "CASE WHEN s.revision <> m.sprout_revision THEN s.id END", _OTHER_REASONS
    sql = f"""
        INSERT INTO advancement_left_out (run_id, sprout_id, event_id, bucket, reason)
        SELECT m.run_id, m.sprout_id, m.reverses_event_id, 'skipped', CASE
            WHEN s.id IS NULL THEN 'The sprout no longer exists.'
            WHEN m.step > 1 AND EXISTS (
                SELECT 1 FROM advancement_left_out AS o
                WHERE o.run_id = m.run_id AND o.bucket = 'skipped' AND o.sprout_id = m.sprout_id
            ) THEN 'A step before this one was skipped.'
            WHEN {on_hold} IN ({holds.sql}) THEN 'It was put on hold after the plan was made.'
            WHEN s.tier <> m.from_tier THEN 'It moved to ' || s.tier || ' after the plan was made.'
            WHEN s.revision <> m.sprout_revision THEN 'It changed after the plan was made.'
            WHEN EXISTS (
                SELECT 1 FROM advancement_events AS e
                WHERE e.sprout_id = m.sprout_id AND e.revision > m.sprout_revision
            ) THEN 'Its revision is behind its events: it was deleted and put back past import_sprouts.'
            {specific}
        END
        FROM advancement_moves AS m
        LEFT JOIN sprouts AS s ON s.id = m.sprout_id
        LEFT JOIN rule_versions AS v ON v.id = m.rule_version_id
        LEFT JOIN advancement_rules AS r ON r.active_version_id = v.id AND r.archived_at IS NULL
        WHERE m.run_id = %(run)s AND m.position > %(lo)s AND m.position <= %(hi)s
            AND NOT EXISTS (
                SELECT 1 FROM advancement_events AS e
                WHERE e.sprout_id = m.sprout_id AND e.revision = m.sprout_revision + 1
                    AND e.run_id = m.run_id
            )
    """
    return Fragment(sql, {**holds.constants, "run": run.pk})


_ADVANCEMENT_REASONS: Final = """
            WHEN r.id IS NULL THEN 'Rule ' || v.rule_id || ' changed after the plan was made.'
            WHEN NOT EXISTS (
                SELECT 1 FROM lifecycle_tiers AS f
                JOIN lifecycle_tiers AS t ON t.lifecycle_model_id = f.lifecycle_model_id
                WHERE f.lifecycle_model_id = s.lifecycle_model_id
                    AND f.slug = m.from_tier AND t.slug = m.to_tier AND t.position > f.position
            ) THEN 'In its lifecycle model ' || m.to_tier || ' no longer comes after ' || m.from_tier || '.'
            ELSE 'Its signals no longer meet rule ' || v.rule_id || '.'
"""
_OTHER_REASONS: Final = """
            WHEN NOT EXISTS (
                SELECT 1 FROM lifecycle_tiers AS t
                WHERE t.lifecycle_model_id = s.lifecycle_model_id AND t.slug = m.to_tier
            ) THEN 'Its lifecycle model no longer has the tier ' || m.to_tier || '.'
            ELSE 'It changed after the plan was made.'
"""
