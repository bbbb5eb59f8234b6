"""Make a rollback's plan: the reversal of every event that can be taken back, and what cannot be and why."""

from typing import Final

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from advancement.database.clock import database_now
from advancement.database.statements import Fragment
from advancement.evaluation.plan import prepare_planning, publish_plan
from advancement.models import Run
from advancement.models.runs import LeftOutBucket
from advancement.rollback.outcomes import REVERTED, SCOPE, judged_events
from advancement.rollback.scope import events_to_judge

_OUTCOMES: Final = "rollback_outcomes"
_REASONS: Final = {
    LeftOutBucket.ALREADY_ROLLED_BACK: "It was already rolled back.",
    LeftOutBucket.GONE: "The sprout no longer exists.",
    LeftOutBucket.EXCLUDED: "It was excluded.",
    LeftOutBucket.OVERRIDDEN_SINCE: "A person has set its tier since.",
    LeftOutBucket.ADVANCED_SINCE: "It has moved on since.",
    LeftOutBucket.TIER_GONE: "The way back leads to a tier that its lifecycle model no longer has.",
}


def make_rollback_plan(run: Run, token: int, *, using: str = "default") -> None:
    """Judge the events in the run's scope and store its plan; the run becomes `planned`.

    Several steps of one sprout are taken back newest first. Everything is read from one snapshot. Raise
    LeaseLost when `token` is no longer the run's.
    """
    outermost = not connections[using].in_atomic_block
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        prepare_planning(cursor, using, outermost=outermost)
        as_of = database_now(using)
        _store_scope(cursor, run, using)
        fragment = judged_events(run, using)
        cursor.execute(f"DROP TABLE IF EXISTS {_OUTCOMES}")
        cursor.execute(f"CREATE TEMPORARY TABLE {_OUTCOMES} AS {fragment.sql}", fragment.constants)
        cursor.execute(f"DROP TABLE {SCOPE}")
        moves = _store_moves(cursor, run)
        left_out = _store_left_out(cursor, run)
        cursor.execute(f"DROP TABLE {_OUTCOMES}")
        figures = {"moves_planned": moves, "evaluated": moves + left_out, "digest": _digest(cursor, run)}
        publish_plan(run, token, as_of, figures, using)


def _store_scope(cursor: CursorWrapper, run: Run, using: str) -> None:
    scope = Fragment.of(events_to_judge(run, using).values_list("id"), using)
    cursor.execute(f"DROP TABLE IF EXISTS {SCOPE}")
    cursor.execute(f"CREATE TEMPORARY TABLE {SCOPE} AS {scope.sql}", scope.constants)
    if cursor.db.vendor == "postgresql":
        # Of a run that ended just now it would expect a few events, and take hours over many.
        cursor.execute(f"ANALYZE {SCOPE}")


def _store_moves(cursor: CursorWrapper, run: Run) -> int:
    cursor.execute(
        f"""
        INSERT INTO advancement_moves
            (run_id, position, sprout_id, step, sprout_revision, from_tier, to_tier, reverses_event_id)
        SELECT %s, ROW_NUMBER() OVER (ORDER BY step, sprout_id), sprout_id, step,
            sprout_revision + step - 1, to_tier, from_tier, event_id
        FROM (
            SELECT o.*, ROW_NUMBER() OVER (PARTITION BY sprout_id ORDER BY revision DESC) AS step
            FROM {_OUTCOMES} AS o WHERE bucket = '{REVERTED}'
        ) AS steps
        """,
        [run.pk],
    )
    return int(cursor.rowcount)


def _store_left_out(cursor: CursorWrapper, run: Run) -> int:
    reasons = " ".join(f"WHEN '{bucket}' THEN '{reason}'" for bucket, reason in _REASONS.items())
    cursor.execute(
        f"""
        INSERT INTO advancement_left_out (run_id, sprout_id, event_id, bucket, reason)
        SELECT %s, sprout_id, event_id, bucket, CASE bucket {reasons} END
        FROM {_OUTCOMES} WHERE bucket <> '{REVERTED}'
        """,
        [run.pk],
    )
    return int(cursor.rowcount)


def _digest(cursor: CursorWrapper, run: Run) -> str:
    """Return the SHA-256 of the planned moves in order; by it a plan is known to be the reviewed one."""
    line = (
        "position || ' ' || sprout_id || ' ' || sprout_revision || ' ' || to_tier || ' ' || reverses_event_id"
    )
    if cursor.db.vendor == "postgresql":
        whole = f"STRING_AGG({line}, ',' ORDER BY position)"
        hashed = f"ENCODE(SHA256(CONVERT_TO(COALESCE({whole}, ''), 'UTF8')), 'hex')"
        source = "advancement_moves WHERE run_id = %s"
    else:  # where Django provides SHA256
        hashed = f"SHA256(COALESCE(GROUP_CONCAT({line}), ''))"
        source = "(SELECT * FROM advancement_moves WHERE run_id = %s ORDER BY position)"
    cursor.execute(f"SELECT {hashed} FROM {source}", [run.pk])
    return str(cursor.fetchone()[0])
