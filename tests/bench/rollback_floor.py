"""The floor of a rollback: every event of one run taken back by one hand-written statement (on SQLite two).

It writes the same events with the same snapshots, without a plan, a review, buckets, batches or a lease.
"""

from django.db import connection, transaction

from tests.bench.floor import JOINS, evidence_columns, snapshot

_COLUMNS = (
    "sprout_id, sprout_title, lifecycle_model_id, revision, event_type, from_tier, to_tier,"
    " former_tier_updated_at, criteria_met, signal_values, operator_id, reason, reverses_id, run_id,"
    " timestamp"
)
_JUDGED = f"""
    SELECT s.*, ev.id AS event_id, ev.from_tier AS back_to, ev.former_tier_updated_at AS since,
        {evidence_columns()}
    FROM advancement_events ev JOIN sprouts s ON s.id = ev.sprout_id AND s.revision = ev.revision {JOINS}
    WHERE ev.run_id = %s
        AND NOT EXISTS (SELECT 1 FROM advancement_events r WHERE r.reverses_id = ev.id)
"""


def run_rollback_floor(run: int) -> int:
    """Do it; return the number of events that were taken back."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
            cursor.execute(_postgresql(), [run])
            return int(cursor.rowcount)
        cursor.execute(_sqlite(), [run])
        cursor.execute(
            "UPDATE sprouts SET tier = e.to_tier, revision = e.revision,"
            " tier_updated_at = r.former_tier_updated_at"
            " FROM advancement_events e JOIN advancement_events r ON r.id = e.reverses_id"
            " WHERE e.sprout_id = sprouts.id"
        )
        return int(cursor.rowcount)


def _events(now: str, days_in_tier: str) -> str:
    return f"""
        SELECT j.id, j.title, j.lifecycle_model_id, j.revision + 1, 'bulk-rollback', j.tier, j.back_to,
            j.tier_updated_at, '[]', {snapshot(days_in_tier)}, 'bench', 'bench', j.event_id, 0, {now}
        FROM judged j
    """


def _postgresql() -> str:
    since = "EXTRACT(EPOCH FROM now() - j.tier_updated_at)::float8 / 86400"
    return f"""
        WITH judged AS (
            UPDATE sprouts SET tier = j.back_to, revision = j.revision + 1, tier_updated_at = j.since
            FROM ({_JUDGED}) AS j
            WHERE sprouts.id = j.id AND sprouts.revision = j.revision RETURNING j.*
        )
        INSERT INTO advancement_events ({_COLUMNS}) {_events("now()", since)}
    """


def _sqlite() -> str:
    since = "julianday('now') - julianday(j.tier_updated_at)"
    events = _events("strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", since)
    return f"INSERT INTO advancement_events ({_COLUMNS}) WITH judged AS ({_JUDGED}) {events}"
