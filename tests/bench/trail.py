"""A long audit trail for a planted grove: each night a part of it advances and is rolled back."""

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.db import connection

from advancement.criteria.signals import SIGNALS, Period
from advancement.database.clock import database_now
from advancement.history import note_ended_days
from advancement.models import Run
from advancement.models.events import AdvancementEventType
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from tests.bench import planting

_A_NIGHT: Final = 10_000
_SNAPSHOT: Final = {
    **{
        period.value: {name: 12_345 for name, signal in SIGNALS.items() if signal.column} for period in Period
    },
    "daysInTier": 31.5,
}
_CRITERIA: Final = [
    {
        "signal": signal,
        "operator": ">=",
        "threshold": 500_000.0,
        "period": "all_time",
        "actual": 612_345,
        "met": True,
    }
    for signal in ("views", "citations")
]
_EVENTS: Final = """
INSERT INTO advancement_events (
    sprout_id, sprout_title, lifecycle_model_id, revision, event_type, from_tier, to_tier,
    former_tier_updated_at, rule_id, rule_version, criteria_met, signal_values, operator_id, reason,
    reverses_id, run_id, timestamp)
SELECT o.sprout_id, s.title, s.lifecycle_model_id, {revision}, '{kind}', {tiers},
    s.tier_updated_at, o.rule_id, 1, '{criteria}', '{snapshot}', '{operator}', '{reason}',
    {reverses}, {run}, '{at}'
FROM bench_order o JOIN sprouts s ON s.id = o.sprout_id {earlier}
WHERE o.part = {part}
"""
_EARLIER: Final = "JOIN advancement_events e ON e.sprout_id = o.sprout_id AND e.revision = {revision} - 1"


def lengthen(sprouts: int, events: int) -> None:
    """Give each of the sprouts as many events as that makes, the newest of this night."""
    rounds = events // sprouts // 2
    parts = -(-sprouts // _A_NIGHT)
    _put_in_order()
    last = database_now().astimezone(UTC).date()
    with connection.cursor() as cursor:
        for number in range(parts * rounds):
            part, done = divmod(number, rounds)
            day = last - timedelta(days=parts * rounds - 1 - number)
            at = datetime.combine(day, time(2), UTC)
            _move(cursor, part, 2 * done + 1, at, _run(RunKind.ADVANCEMENT, at))
            at += timedelta(minutes=20)
            _move(cursor, part, 2 * done + 2, at, _run(RunKind.ROLLBACK, at))
        cursor.execute(f"UPDATE sprouts SET revision = {2 * rounds}")
        cursor.execute("DROP TABLE bench_order")
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    note_ended_days()


def _put_in_order() -> None:
    """Put the sprouts into parts, each with the first rule of its tier and the tier that it leads to."""
    following = {
        (model, tier): (*tiers, planting.LAST_TIER[model])[place + 1]
        for model, tiers in planting.MODELS.items()
        for place, tier in enumerate(tiers)
    }
    to_tier = " ".join(
        f"WHEN lifecycle_model_id = '{model}' AND tier = '{tier}' THEN '{to}'"
        for (model, tier), to in following.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_order AS SELECT id AS sprout_id, "
            f"lifecycle_model_id || '-' || tier || '-0' AS rule_id, CASE {to_tier} END AS to_tier, "
            f"(row_number() OVER (ORDER BY id) - 1) / {_A_NIGHT} AS part FROM sprouts"
        )
        cursor.execute("CREATE INDEX bench_order_by_part ON bench_order (part)")
        cursor.execute("ANALYZE bench_order")


def _move(cursor: Any, part: int, revision: int, at: datetime, run: Run) -> None:
    back = run.kind == RunKind.ROLLBACK
    cursor.execute(
        _EVENTS.format(
            revision=revision,
            kind=AdvancementEventType.BULK_ROLLBACK if back else AdvancementEventType.AUTO_ADVANCEMENT,
            tiers="o.to_tier, s.tier" if back else "s.tier, o.to_tier",
            criteria="[]" if back else json.dumps(_CRITERIA),
            snapshot=json.dumps(_SNAPSHOT),
            operator="operator" if back else "",
            reason="Planted." if back else "",
            reverses="e.id" if back else "NULL",
            run=run.pk,
            at=at.replace(tzinfo=None),
            part=part,
            earlier=_EARLIER.format(revision=revision) if back else "",
        )
    )
    Run.objects.filter(pk=run.pk).update(moves_planned=cursor.rowcount, advanced=cursor.rowcount)


def _run(kind: RunKind, at: datetime) -> Run:
    values: dict[str, Any] = dict.fromkeys(
        ("as_of", "created_at", "started_at", "planned_at", "finished_at"), at
    )
    return Run.objects.create(
        kind=kind,
        trigger=RunTrigger.COMMAND,
        status=RunStatus.SUCCEEDED,
        batch_size=1000,
        evaluated=_A_NIGHT,
        reason="Planted." if kind == RunKind.ROLLBACK else "",
        requested_by="operator",
        **values,
    )
