"""What must hold whatever happened: all that `verify_ledger` checks, and what it need not look at.

A query for each sentence, whose rows are wrong.
"""

from collections.abc import Mapping
from typing import Final

from django.db import connection

from advancement.ledger.verify import verify_ledger

INVARIANTS: Final[Mapping[str, str]] = {
    "a move has one event at most": """
        SELECT MIN(e.id) FROM advancement_events AS e GROUP BY run_id, sprout_id, revision HAVING COUNT(*) > 1
    """,
    "a run that succeeded has moved or skipped all that it planned": """
        SELECT id FROM (
            SELECT r.*,
                (SELECT COUNT(*) FROM advancement_events AS e WHERE e.run_id = r.id) AS moved,
                (SELECT COUNT(*) FROM advancement_left_out AS o
                    WHERE o.run_id = r.id AND o.bucket = 'skipped') AS left_out
            FROM advancement_runs AS r
        ) AS runs
        WHERE status = 'succeeded' AND NOT (
            cursor = moves_planned AND moved + left_out = moves_planned
            AND advanced = moved AND skipped = left_out AND lease_expires_at IS NULL
        )
    """,
    "what a run skipped was in its plan, and is named once": """
        SELECT o.id FROM advancement_left_out AS o WHERE o.bucket = 'skipped' AND (
            (SELECT moves_struck FROM advancement_runs AS r WHERE r.id = o.run_id) = 0
                AND NOT EXISTS (
                    SELECT FROM advancement_moves AS m WHERE m.run_id = o.run_id AND m.sprout_id = o.sprout_id
                )
            OR EXISTS (
                SELECT FROM advancement_left_out AS p WHERE p.run_id = o.run_id AND p.bucket = o.bucket
                    AND p.sprout_id = o.sprout_id AND p.id > o.id
                    AND p.event_id IS NOT DISTINCT FROM o.event_id
            )
        )
    """,
    "a candidate of an advancement is in one bucket": """
        SELECT run_id FROM (
            SELECT run_id, sprout_id FROM advancement_moves
            UNION ALL
            SELECT run_id, sprout_id FROM advancement_left_out WHERE bucket <> 'skipped'
        ) AS judged JOIN advancement_runs AS r ON r.id = run_id
        WHERE kind = 'advancement' GROUP BY run_id, sprout_id HAVING COUNT(*) > 1
    """,
    "an advancement's buckets add up": """
        SELECT id FROM advancement_runs WHERE kind = 'advancement' AND planned_at IS NOT NULL
            AND evaluated <> moves_planned + no_match + no_signals + held + invalid + blocked
    """,
    "a hold that a run set is on a sprout that it moved": """
        SELECT h.id FROM advancement_holds AS h WHERE set_by_run_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM advancement_events AS e WHERE e.run_id = set_by_run_id AND e.sprout_id = h.sprout_id
        )
    """,
}


def broken_invariants() -> list[str]:
    """Return a sentence for each invariant that does not hold."""
    found = [finding for check in verify_ledger().checks for finding in check.findings]
    with connection.cursor() as cursor:
        for sentence, query in INVARIANTS.items():
            cursor.execute(query)
            if rows := cursor.fetchall():
                named = ", ".join(str(row[0]) for row in rows[:3])
                found.append(f"not so: {sentence} ({len(rows)}: {named})")
    return found
