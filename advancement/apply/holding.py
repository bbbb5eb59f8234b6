"""Holds that go with the moves of a batch: set with a rollback, released when it is undone."""

from typing import Final

from advancement.database.statements import Fragment
from advancement.models import Run

# The sprouts whose last step is in this batch and was made. Only then is the sprout where the plan wants
# it, and a hold in between would make the next step stale. The sums here and below keep PostgreSQL, which
# knows nothing of a run that is just being applied, from reading all of that run for each batch.
_ARRIVED: Final = """
    arrived AS MATERIALIZED (
        SELECT m.sprout_id
        FROM advancement_moves AS m
        JOIN advancement_events AS e
            ON e.sprout_id = m.sprout_id AND e.revision = m.sprout_revision + 1 AND e.run_id + 0 = m.run_id
        WHERE m.run_id = %(run)s AND m.position > %(lo)s AND m.position <= %(hi)s
            AND NOT EXISTS (
                SELECT 1 FROM advancement_moves AS n
                WHERE n.run_id = m.run_id AND n.sprout_id = m.sprout_id AND n.step = m.step + 1
            )
    )
"""


def hold_statements(run: Run, now: str) -> list[Fragment]:
    """Return what is to be executed after the moves of a batch, in this order; often nothing.

    Setting and releasing a hold raises the sprout's revision. `now` is the SQL of the present instant.
    """
    who = {"run": run.pk, "by": run.decided_by or run.requested_by, "why": run.reason}
    if run.hold:
        return [Fragment(_set(now), who | {"until": run.hold_until}), Fragment(_RAISE, {"run": run.pk})]
    if run.undoes_id:
        undone = {"undone": run.undoes_id, "run": run.pk}
        return [Fragment(_RAISE_HELD, undone), Fragment(_release(now), undone | who)]
    return []


def _set(now: str) -> str:
    return f"""
        INSERT INTO advancement_holds
            (sprout_id, reason, until, set_at, set_by, set_by_run_id, released_by, release_reason)
        WITH {_ARRIVED}
        SELECT sprout_id, %(why)s, %(until)s, {now}, %(by)s, %(run)s, '', '' FROM arrived
    """


_RAISE: Final = f"""
    WITH {_ARRIVED}
    UPDATE sprouts SET revision = revision + 1 FROM arrived WHERE sprouts.id = arrived.sprout_id
"""
_RAISE_HELD: Final = f"""
    WITH {_ARRIVED}
    UPDATE sprouts SET revision = revision + 1
    FROM arrived JOIN advancement_holds AS h
        ON h.sprout_id = arrived.sprout_id AND h.set_by_run_id + 0 = %(undone)s AND h.released_at IS NULL
    WHERE sprouts.id = arrived.sprout_id
"""


def _release(now: str) -> str:
    return f"""
        WITH {_ARRIVED}
        UPDATE advancement_holds SET released_at = {now}, released_by = %(by)s, release_reason = %(why)s
        FROM arrived
        WHERE advancement_holds.sprout_id = arrived.sprout_id
            AND set_by_run_id + 0 = %(undone)s AND released_at IS NULL
    """
