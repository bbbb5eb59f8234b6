"""What becomes of each event in a rollback's scope: one statement that puts it into exactly one bucket."""

from typing import Final

from advancement.database.statements import Fragment
from advancement.models import Run, Sprout
from advancement.models.runs import LeftOutBucket

REVERTED: Final = "reverted"
# A temporary table of the ids of the events in scope.
SCOPE: Final = "rollback_scope"

# Events are a sprout's history: an advancement or override puts it into a tier, a reversal takes that back,
# so that it stands where it stood before. What stands is what nobody took back.
_STANDING: Final = "(e.reverses_id IS NULL OR e.rule_id IS NOT NULL)"


def judged_events(run: Run, using: str) -> Fragment:
    """Return the query of (event_id, sprout_id, revision, sprout_revision, from_tier, to_tier, bucket).

    It has every event in `SCOPE`, and with `unwind` also the later advancements on the way to those of them
    that are taken back. An event can be taken back when everything later that still stands is taken back
    before it. To undo a rollback, nothing else at all may have happened to the sprout since.
    """
    excluded = Fragment("SELECT id FROM sprouts WHERE FALSE", {})
    if run.excluded:
        sprouts = Sprout.objects.filter(pk__in=run.excluded).values_list("id")
        excluded = Fragment.of(sprouts, using, prefix="excluded")
    considered, stands = ("TRUE", "TRUE") if run.undoes_id else (_STANDING, "reversed = 0")
    sql = f"""
        WITH {_history(considered)},
        {_sorted(stands, excluded.sql, "TRUE" if run.unwind else "FALSE")},
        reached AS (
            SELECT sorted.*, SUM(CASE WHEN bucket = '{REVERTED}' THEN in_scope ELSE 0 END)
                OVER (PARTITION BY sprout_id ORDER BY revision) AS on_the_way
            FROM sorted
        )
        SELECT id AS event_id, sprout_id, revision, sprout_revision, from_tier, to_tier, bucket
        FROM reached
        WHERE in_scope = 1 OR (on_the_way > 0 AND bucket = '{REVERTED}')
    """
    return Fragment(sql, excluded.constants)


def _history(considered: str) -> str:
    """Return `history`: of each sprout, the events to consider from the first one in scope on."""
    return f"""
        starts AS (
            SELECT e.sprout_id, MIN(e.revision) AS revision
            FROM {SCOPE} AS scope JOIN advancement_events AS e ON e.id = scope.id
            GROUP BY e.sprout_id
        ),
        history AS (
            SELECT e.id, e.sprout_id, e.revision, e.from_tier, e.to_tier, s.revision AS sprout_revision,
                CASE WHEN scope.id IS NULL THEN 0 ELSE 1 END AS in_scope,
                CASE WHEN r.id IS NULL THEN 0 ELSE 1 END AS reversed,
                CASE WHEN r.id IS NULL AND e.reverses_id IS NULL AND e.rule_id IS NULL
                    THEN 1 ELSE 0 END AS override,
                CASE WHEN s.id IS NULL THEN 1 ELSE 0 END AS gone,
                CASE WHEN t.id IS NULL THEN 1 ELSE 0 END AS tier_gone
            FROM starts
            JOIN advancement_events AS e
                ON e.sprout_id = starts.sprout_id AND e.revision >= starts.revision
            LEFT JOIN {SCOPE} AS scope ON scope.id = e.id
            LEFT JOIN advancement_events AS r ON r.reverses_id = e.id
            LEFT JOIN sprouts AS s ON s.id = e.sprout_id
            LEFT JOIN lifecycle_tiers AS t
                ON t.lifecycle_model_id = s.lifecycle_model_id AND t.slug = e.from_tier
            WHERE {considered}
        )
    """


def _sorted(stands: str, excluded: str, unwind: str) -> str:
    """Return `sorted`: those events, each in its bucket by what happened to the sprout after it."""
    b = LeftOutBucket
    return f"""
        counted AS (
            SELECT history.*,
                SUM(override) OVER newest_first AS overrides_since,
                SUM(CASE WHEN in_scope = 0 AND {stands} THEN 1 ELSE 0 END) OVER newest_first AS others_since,
                SUM(CASE WHEN reversed = 0 THEN tier_gone ELSE 0 END) OVER newest_first AS dead_ends
            FROM history
            WINDOW newest_first AS (PARTITION BY sprout_id ORDER BY revision DESC)
        ),
        sorted AS (
            SELECT counted.*, CASE
                WHEN reversed = 1 THEN '{b.ALREADY_ROLLED_BACK}'
                WHEN gone = 1 THEN '{b.GONE}'
                WHEN sprout_id IN ({excluded}) THEN '{b.EXCLUDED}'
                WHEN overrides_since > 0 THEN '{b.OVERRIDDEN_SINCE}'
                WHEN others_since > 0 AND NOT {unwind} THEN '{b.ADVANCED_SINCE}'
                WHEN dead_ends > 0 THEN '{b.TIER_GONE}'
                ELSE '{REVERTED}'
            END AS bucket
            FROM counted
        )
    """
