"""Which moves of a plan cannot be made any more, and why."""

from typing import Final

from django.db import connections

from advancement.apply.eligible import eligible_moves
from advancement.database.statements import Fragment
from advancement.models import Hold, Run
from advancement.models.runs import RunKind


def record_skipped(run: Run, using: str) -> Fragment:
    """Return the statement that records, with its reason, each move of the batch that was not made."""
    moves = _moves_with_reasons(run, using)
    sql = f"""
        INSERT INTO advancement_left_out (run_id, sprout_id, event_id, bucket, reason)
        {moves.sql}
            AND NOT EXISTS (
                SELECT 1 FROM advancement_events AS e
                WHERE e.sprout_id = m.sprout_id AND e.revision = m.sprout_revision + 1
                    -- The sum keeps PostgreSQL from reading all of the run's events for each batch.
                    AND e.run_id + 0 = m.run_id
            )
    """
    return Fragment(sql, moves.constants)


def changed_since_planned(run: Run, *, using: str = "default") -> dict[str, int]:
    """Return how many moves of an advancement's plan that waits cannot be made any more, by reason."""
    moves, eligible = _moves_with_reasons(run, using), Fragment.of(eligible_moves(run, using), using)
    sql = f"""
        SELECT reason, COUNT(*) FROM (
            {moves.sql} AND m.sprout_id NOT IN (SELECT sprout_id FROM ({eligible.sql}) AS eligible)
        ) AS changed
        GROUP BY reason ORDER BY COUNT(*) DESC, reason
    """
    window = {"lo": 0, "hi": run.moves_planned}
    with connections[using].cursor() as cursor:
        cursor.execute(sql, {**moves.constants, **eligible.constants, **window})
        return dict(cursor.fetchall())


def _moves_with_reasons(run: Run, using: str) -> Fragment:
    """Return the query of the moves between `lo` and `hi` with what may keep each from being made."""
    assert run.as_of is not None
    holds = Fragment.of(Hold.objects.in_force(run.as_of).values_list("sprout_id"), using, prefix="hold")
    if run.kind == RunKind.ADVANCEMENT:
        on_hold, specific = "s.id", _ADVANCEMENT_REASONS
    else:  # older holds do not matter to these
        on_hold, specific = "CASE WHEN s.revision <> m.sprout_revision THEN s.id END", _OTHER_REASONS
    sql = f"""
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
        END AS reason
        FROM advancement_moves AS m
        LEFT JOIN sprouts AS s ON s.id = m.sprout_id
        LEFT JOIN rule_versions AS v ON v.id = m.rule_version_id
        LEFT JOIN advancement_rules AS r ON r.active_version_id = v.id AND r.archived_at IS NULL
        WHERE m.run_id = %(run)s AND m.position > %(lo)s AND m.position <= %(hi)s
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
