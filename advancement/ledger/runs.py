"""Checks of runs: their events are moves of theirs, and their counts add up."""

from typing import Any

from advancement.ledger.findings import Check, check_by_query, counted, sprout_name


def check_event_runs(using: str) -> Check:
    """Each event names a run that exists and that applied its plan.

    A run that failed and is resumed passes through `planned` again, so what tells is its cursor.
    """
    return check_by_query(
        "event_runs",
        "Each event is of a run that applied its plan",
        counting="advancement_events",
        faults="""
            SELECT e.id, e.sprout_id, e.run_id, CASE
                WHEN r.id IS NULL THEN 'which does not exist'
                WHEN r.dry_run THEN 'which is a dry run'
                ELSE 'which is ' || r.status || ' and has applied nothing'
            END
            FROM advancement_events AS e
            LEFT JOIN advancement_runs AS r ON r.id = e.run_id
            WHERE r.id IS NULL OR r.dry_run OR r.cursor = 0
        """,
        sentence=lambda event, key, run, fault: (
            f"Event {event} of {sprout_name(key)} names run {run}, {fault}."
        ),
        using=using,
    )


def check_event_moves(using: str) -> Check:
    """Each event is among the moves that its run has applied: same sprout, revision and tiers."""
    # The sum keeps SQLite from looking the moves up by position, all of them for each event.
    return check_by_query(
        "event_moves",
        "Each event is a move of its run's plan",
        counting="advancement_events",
        faults="""
            SELECT e.id, e.sprout_id, e.run_id, e.from_tier, e.to_tier
            FROM advancement_events AS e
            JOIN advancement_runs AS r ON r.id = e.run_id
            WHERE NOT EXISTS (
                SELECT 1 FROM advancement_moves AS m
                WHERE m.run_id = e.run_id AND m.sprout_id = e.sprout_id
                    AND m.from_tier = e.from_tier AND m.to_tier = e.to_tier
                    AND m.position + 0 <= r.cursor
                    AND e.revision = m.sprout_revision + 1
            )
        """,
        sentence=_not_planned,
        using=using,
    )


def _not_planned(event: int, key: Any, run: int, from_tier: str, to_tier: str) -> str:
    return (
        f"Event {event} of {sprout_name(key)}, from {from_tier} to {to_tier}, "
        f"is not among the moves that run {run} has applied."
    )


def check_run_totals(using: str) -> Check:
    """Each run that succeeded has dealt with all of its moves and counts its events."""
    return check_by_query(
        "run_totals",
        "Each succeeded run finished its plan and counts its events",
        counting="advancement_runs WHERE status = 'succeeded'",
        faults="""
            SELECT r.id, r.cursor, r.moves_planned, r.advanced, COALESCE(e.events, 0)
            FROM advancement_runs AS r
            LEFT JOIN (
                SELECT run_id, COUNT(*) AS events FROM advancement_events GROUP BY run_id
            ) AS e ON e.run_id = r.id
            WHERE r.status = 'succeeded'
                AND (r.cursor <> r.moves_planned OR r.advanced <> COALESCE(e.events, 0))
        """,
        sentence=_wrong_totals,
        using=using,
    )


def _wrong_totals(run: int, cursor: int, planned: int, advanced: int, events: int) -> str:
    if cursor != planned:
        return f"Run {run} succeeded, but has dealt with {cursor:,} of its {planned:,} moves."
    return f"Run {run} counts {advanced:,} advanced, but has {counted(events, 'event')}."


def check_moves(using: str) -> Check:
    """Each move belongs to a run that exists."""
    return check_by_query(
        "moves",
        "Each move is of a run that exists",
        counting="advancement_moves",
        faults="""
            SELECT m.run_id, COUNT(*) FROM advancement_moves AS m
            WHERE NOT EXISTS (SELECT 1 FROM advancement_runs AS r WHERE r.id = m.run_id)
            GROUP BY m.run_id
        """,
        sentence=lambda run, moves: f"Run {run} does not exist, but has {counted(moves, 'move')}.",
        using=using,
    )
