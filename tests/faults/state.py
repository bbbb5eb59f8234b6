"""What is left after the work: rows without the ids and times that differ from one try to the next."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection

State = Counter[tuple[str, ...]]

# What happened at which moment, and how often it was tried, is no part of the outcome.
QUERIES: Final[Mapping[str, str]] = {
    "sprout": "SELECT id, title, tier, initial_tier, revision FROM sprouts",
    "event": """
        SELECT e.sprout_id, e.revision, e.event_type, e.from_tier, e.to_tier, e.rule_id, e.rule_version,
            e.criteria_met, e.signal_values - 'daysInTier', e.operator_id, e.reason, r.revision
        FROM advancement_events AS e LEFT JOIN advancement_events AS r ON r.id = e.reverses_id
    """,
    "hold": """
        SELECT sprout_id, reason, set_by, released_by, release_reason, released_at IS NULL
        FROM advancement_holds
    """,
    "run": """
        SELECT kind, trigger, status, dry_run, moves_planned, moves_struck, cursor, evaluated,
            advanced, no_match, no_signals, held, invalid, blocked, skipped, error, stopped_rules
        FROM advancement_runs
    """,
    "seal": """
        SELECT r.kind, r.trigger, s.events
        FROM advancement_seals AS s JOIN advancement_runs AS r ON r.id = s.run_id
    """,
    "message": """
        SELECT r.kind, r.trigger, o.kind, o.channel, o.recipient, o.status, o.subject <> '', o.text <> ''
        FROM outbox_messages AS o JOIN advancement_runs AS r ON r.id = o.run_id
    """,
    "move": """
        SELECT r.kind, r.trigger, m.position, m.sprout_id, m.step, m.sprout_revision, m.from_tier, m.to_tier
        FROM advancement_moves AS m JOIN advancement_runs AS r ON r.id = m.run_id
    """,
    "left out": """
        SELECT r.kind, r.trigger, o.sprout_id, o.bucket, o.reason
        FROM advancement_left_out AS o JOIN advancement_runs AS r ON r.id = o.run_id
    """,
    "rule": """
        SELECT r.id, v.number, v.enabled, r.archived_at IS NULL
        FROM advancement_rules AS r JOIN rule_versions AS v ON v.id = r.active_version_id
    """,
    "version": "SELECT rule_id, number, enabled, priority FROM rule_versions",
    "usage": "SELECT id, sprout_id, event_type, session_id FROM usage_events",
    "signals": "SELECT to_jsonb(s) - 'id' - 'computed_at' FROM signal_aggregations AS s",
    "dirty": "SELECT DISTINCT sprout_id FROM signal_dirty_sprouts",
    "upload": """
        SELECT kind, name, size, uploaded_by, status, skip_bad_rows, outcome, lease_expires_at IS NULL
        FROM uploads
    """,
    "part": """
        SELECT u.kind, p.content, COUNT(*), md5(string_agg(p.data, '' ORDER BY p.number))
        FROM upload_parts AS p JOIN uploads AS u ON u.id = p.upload_id GROUP BY u.id, p.content
    """,
    "wish": """
        SELECT asked_by, finished_at IS NULL, error, lease_expires_at IS NULL FROM signal_requests
    """,
    "totals": "SELECT totals FROM signal_refreshes ORDER BY id DESC LIMIT 1",
}


@dataclass(frozen=True)
class Difference:
    """What of an expected state is missing, and what is there beyond it."""

    lost: State
    duplicated: State

    def __str__(self) -> str:
        sides = (("lost", self.lost), ("beyond", self.duplicated))
        return "; ".join(f"{word}: {list(items)[:3]}" for word, items in sides if items)


def read_state() -> State:
    """Return every row that counts, by the name of its query."""
    state: State = Counter()
    with connection.cursor() as cursor:
        for name, query in QUERIES.items():
            cursor.execute(query)
            state.update((name, *map(_text, row)) for row in cursor.fetchall())
    return state


def compare(expected: State, found: State) -> Difference:
    """Return what differs."""
    return Difference(expected - found, found - expected)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)
