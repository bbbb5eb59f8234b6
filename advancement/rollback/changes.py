"""What happened to the sprouts of a rollback's plan while somebody looked at it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from advancement.models import Move, Run
from advancement.models.events import AdvancementEventType


class Change(StrEnum):
    """Why a sprout is not where the plan found it; its last step decides when there were several."""

    DELETED = "deleted"
    OVERRIDDEN = "overridden"
    ADVANCED = "advanced"
    ROLLED_BACK = "rolled_back"
    HELD = "held"
    TIER_GONE = "tier_gone"
    OTHER = "other"


@dataclass(frozen=True)
class Changes:
    """How many sprouts changed, by what became of them, and a mark by which this state is known again."""

    counts: dict[Change, int]
    mark: str

    @property
    def sprouts(self) -> int:
        """How many there are in all."""
        return sum(self.counts.values())


def changes_since_planned(run: Run, *, using: str = "default") -> Changes:
    """Return which of the sprouts that a rollback's plan moves cannot be moved any more.

    What was struck out does not count. These are the ones that an application of the plan would skip.
    """
    sql, parameters = _changed(run)
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT reason, COUNT(*), SUM(first_position) FROM (
                SELECT sprout_id, MIN(reason) AS reason, MIN(position) AS first_position
                FROM ({sql}) AS moves GROUP BY sprout_id
            ) AS sprouts
            GROUP BY reason ORDER BY COUNT(*) DESC, reason
            """,
            parameters,
        )
        rows = cursor.fetchall()
    # A sprout that has changed stays so: that many, at these places, is a state that comes once.
    mark = ",".join(f"{reason}:{count}:{places}" for reason, count, places in rows)
    return Changes({Change(reason): count for reason, count, _ in rows}, mark)


def changed_moves(run: Run, *, using: str = "default") -> "QuerySet[Move]":
    """Return the first steps of the sprouts that have changed since the plan was made."""
    sql, parameters = _changed(run)
    sprouts = RawSQL(f"SELECT moves.sprout_id FROM ({sql}) AS moves", parameters)
    return Move.objects.using(using).filter(run=run.pk, step=1, sprout__in=sprouts)


_OF_EVENT: Final = {
    AdvancementEventType.MANUAL_OVERRIDE: Change.OVERRIDDEN,
    AdvancementEventType.AUTO_ADVANCEMENT: Change.ADVANCED,
    AdvancementEventType.BULK_ROLLBACK: Change.ROLLED_BACK,
}


def _changed(run: Run) -> tuple[str, list[int]]:
    """Return the query of (sprout_id, position, reason) of the moves that cannot be made, and its values.

    Later steps start from where the one before them leads, so of these only the way back is checked.
    """
    by_event = " ".join(f"WHEN '{kind}' THEN '{change}'" for kind, change in _OF_EVENT.items())
    sql = f"""
        SELECT sprout_id, position, reason FROM (
            SELECT m.sprout_id, m.position, CASE
                WHEN s.id IS NULL THEN '{Change.DELETED}'
                WHEN m.step = 1 AND s.revision > m.sprout_revision THEN COALESCE(
                    (
                        SELECT CASE e.event_type {by_event} END FROM advancement_events AS e
                        WHERE e.sprout_id = m.sprout_id AND e.revision > m.sprout_revision
                        ORDER BY e.revision DESC LIMIT 1
                    ),
                    '{Change.HELD}'
                )
                WHEN m.step = 1 AND (
                    s.revision <> m.sprout_revision OR s.tier <> m.from_tier OR ahead.id IS NOT NULL
                ) THEN '{Change.OTHER}'
                WHEN t.id IS NULL THEN '{Change.TIER_GONE}'
            END AS reason
            FROM advancement_moves AS m
            LEFT JOIN sprouts AS s ON s.id = m.sprout_id
            LEFT JOIN lifecycle_tiers AS t
                ON t.lifecycle_model_id = s.lifecycle_model_id AND t.slug = m.to_tier
            LEFT JOIN advancement_events AS ahead
                ON ahead.sprout_id = m.sprout_id AND ahead.revision = m.sprout_revision + 1 AND m.step = 1
            WHERE m.run_id = %s AND NOT m.struck
        ) AS judged
        WHERE reason IS NOT NULL
    """
    return sql, [run.pk]
