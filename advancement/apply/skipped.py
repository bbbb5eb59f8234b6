"""Which moves of a plan cannot be made any more, and why."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connections

from advancement.apply.eligible import eligible_moves
from advancement.database.statements import Fragment
from advancement.models import Hold, RuleVersion, Run
from advancement.models.runs import RunKind


def record_skipped(run: Run, using: str) -> Fragment:
    """Return the statement that records, with its reason, each move of the batch that was not made."""
    moves = _moves_with_reasons(run, "m.run_id, m.sprout_id, m.reverses_event_id, 'skipped'", using)
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
    """Return how many moves of an advancement's plan that waits cannot be made any more, by reason.

    Moves that are struck out do not count.
    """
    changed = _changed(run, using)
    sql = f"SELECT reason, COUNT(*) FROM ({changed.sql}) AS c GROUP BY reason ORDER BY COUNT(*) DESC, reason"
    with connections[using].cursor() as cursor:
        cursor.execute(sql, {**changed.constants, "lo": 0, "hi": run.moves_planned})
        return dict(cursor.fetchall())


def changed_moves(
    run: Run,
    *,
    after: int = 0,
    up_to: int | None = None,
    limit: int = 50,
    versions: Sequence[RuleVersion] | None = None,
    using: str = "default",
) -> list[tuple[int, UUID, str]]:
    """Return position, sprout and reason of such moves, in the plan's order.

    Those from behind the position `after` to `up_to`, by default to the end. `versions` are those that the
    plan names, with their criteria, for whoever has read them already.
    """
    changed = _changed(run, using, versions)
    sql = f"SELECT position, sprout_id, reason FROM ({changed.sql}) AS c ORDER BY position LIMIT %(limit)s"
    with connections[using].cursor() as cursor:
        window = {"lo": after, "hi": run.moves_planned if up_to is None else up_to, "limit": limit}
        cursor.execute(sql, {**changed.constants, **window})
        return [(position, UUID(str(sprout)), reason) for position, sprout, reason in cursor.fetchall()]


def _changed(run: Run, using: str, versions: Sequence[RuleVersion] | None = None) -> Fragment:
    moves = _moves_with_reasons(run, "m.position, m.sprout_id", using)
    eligible = Fragment.of(eligible_moves(run, using, versions).values_list("sprout_id"), using)
    sql = f"""
        {moves.sql} AND NOT m.struck
            AND m.sprout_id NOT IN (SELECT sprout_id FROM ({eligible.sql}) AS eligible)
    """
    return Fragment(sql, {**moves.constants, **eligible.constants})


def _moves_with_reasons(run: Run, columns: str, using: str) -> Fragment:
    """Return the query of the moves between `lo` and `hi`, each with what may keep it from being made."""
    assert run.as_of is not None
    holds = Fragment.of(Hold.objects.in_force(run.as_of).values_list("sprout_id"), using, prefix="hold")
    if run.kind == RunKind.ADVANCEMENT:
        on_hold, specific = "s.id", _ADVANCEMENT_REASONS
    else:  # older holds do not matter to these
        on_hold, specific = "CASE WHEN s.revision <> m.sprout_revision THEN s.id END", _OTHER_REASONS
    sql = f"""
        SELECT {columns}, CASE
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
