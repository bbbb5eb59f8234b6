"""Checks of sprouts and their events: tiers, steps, revisions and reversals."""

from typing import Any

from advancement.ledger.findings import Check, check_by_query, sprout_name


def check_tiers(using: str) -> Check:
    """Each sprout's tier is the fold of its events, beginning with its initial tier."""
    return check_by_query(
        "tiers",
        "Each sprout is in the tier that its events lead to",
        counting="sprouts",
        faults="""
            SELECT s.id, s.tier, s.initial_tier, e.revision, e.to_tier,
                s.lifecycle_model_id, e.lifecycle_model_id
            FROM sprouts AS s
            LEFT JOIN (
                SELECT sprout_id, MAX(revision) AS revision FROM advancement_events GROUP BY sprout_id
            ) AS newest ON newest.sprout_id = s.id
            LEFT JOIN advancement_events AS e
                ON e.sprout_id = s.id AND e.revision = newest.revision
            WHERE s.tier <> COALESCE(e.to_tier, s.initial_tier)
                OR s.lifecycle_model_id <> e.lifecycle_model_id
        """,
        sentence=_wrong_tier,
        using=using,
    )


def _wrong_tier(
    key: Any,
    tier: str,
    initial: str,
    revision: int | None,
    to_tier: str | None,
    model: str,
    model_then: str | None,
) -> str:
    if revision is None:
        return f"The {sprout_name(key)} is in {tier}, but has no events and began in {initial}."
    event = f"its newest event, of revision {revision},"
    if model != model_then:
        return f"The {sprout_name(key)} is of the lifecycle model {model}, but {event} says {model_then}."
    return f"The {sprout_name(key)} is in {tier}, but {event} led to {to_tier}."


def check_steps(using: str) -> Check:
    """Each event begins where the one before it ended, the first in the sprout's initial tier."""
    return check_by_query(
        "steps",
        "Each event begins where the one before it ended",
        counting="advancement_events",
        faults="""
            SELECT e.id, e.sprout_id, e.from_tier, e.former, s.initial_tier
            FROM (
                SELECT id, sprout_id, from_tier,
                    LAG(to_tier) OVER (PARTITION BY sprout_id ORDER BY revision) AS former
                FROM advancement_events
            ) AS e
            LEFT JOIN sprouts AS s ON s.id = e.sprout_id
            WHERE e.from_tier <> COALESCE(e.former, s.initial_tier)
        """,
        sentence=_wrong_step,
        using=using,
    )


def _wrong_step(event: int, key: Any, from_tier: str, former: str | None, initial: str) -> str:
    before = f"the event before led to {former}" if former else f"the sprout began in {initial}"
    return f"Event {event} of {sprout_name(key)} starts from {from_tier}, but {before}."


def check_revisions(using: str) -> Check:
    """Each sprout's revision counts its events, its holds and their releases, and none is above it."""
    return check_by_query(
        "revisions",
        "Each revision of a sprout is an event, a hold or a release",
        counting="sprouts",
        faults="""
            SELECT s.id, s.revision, COALESCE(e.events, 0), COALESCE(h.holds, 0), COALESCE(h.releases, 0),
                e.newest
            FROM sprouts AS s
            LEFT JOIN (
                SELECT sprout_id, COUNT(*) AS events, MAX(revision) AS newest
                FROM advancement_events GROUP BY sprout_id
            ) AS e ON e.sprout_id = s.id
            LEFT JOIN (
                SELECT sprout_id, COUNT(*) AS holds, COUNT(released_at) AS releases
                FROM advancement_holds GROUP BY sprout_id
            ) AS h ON h.sprout_id = s.id
            WHERE e.newest > s.revision
                OR s.revision <> COALESCE(e.events, 0) + COALESCE(h.holds, 0) + COALESCE(h.releases, 0)
        """,
        sentence=_wrong_revision,
        using=using,
    )


def _wrong_revision(
    key: Any, revision: int, events: int, holds: int, releases: int, newest: int | None
) -> str:
    if newest is not None and newest > revision:
        return f"The {sprout_name(key)} is at revision {revision}, but has an event of revision {newest}."
    return (
        f"The {sprout_name(key)} is at revision {revision}, but events ({events}), holds ({holds}) and "
        f"releases ({releases}) make {events + holds + releases}."
    )


def check_reversals(using: str) -> Check:
    """Each rollback takes back one earlier event of the same sprout, the other way, and none is twice."""
    return check_by_query(
        "reversals",
        "Each rollback takes back one earlier event, once",
        counting="advancement_events WHERE reverses_id IS NOT NULL OR event_type = 'bulk-rollback'",
        faults="""
            SELECT e.id, e.sprout_id, e.reverses_id, CASE
                WHEN e.reverses_id IS NULL THEN 'names no event that it takes back'
                WHEN r.id IS NULL THEN 'which does not exist'
                WHEN r.sprout_id <> e.sprout_id THEN 'which is of another sprout'
                WHEN r.revision >= e.revision THEN 'which is not an earlier one'
                WHEN r.from_tier <> e.to_tier OR r.to_tier <> e.from_tier
                    THEN 'but does not lead back the way that one came'
                ELSE 'which another event takes back as well'
            END
            FROM (
                SELECT id, sprout_id, revision, from_tier, to_tier, reverses_id,
                    COUNT(*) OVER (PARTITION BY reverses_id) AS times
                FROM advancement_events
                WHERE reverses_id IS NOT NULL OR event_type = 'bulk-rollback'
            ) AS e
            LEFT JOIN advancement_events AS r ON r.id = e.reverses_id
            WHERE r.id IS NULL OR r.sprout_id <> e.sprout_id OR r.revision >= e.revision
                OR r.from_tier <> e.to_tier OR r.to_tier <> e.from_tier OR e.times > 1
        """,
        sentence=_wrong_reversal,
        using=using,
    )


def _wrong_reversal(event: int, key: Any, reverses: int | None, fault: str) -> str:
    taken = "" if reverses is None else f"takes back event {reverses}, "
    return f"Event {event} of {sprout_name(key)} {taken}{fault}."
