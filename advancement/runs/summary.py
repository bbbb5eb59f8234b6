"""A run's outcome as figures, the same for people and for programs."""

from typing import Any

from django.db.models import Count, QuerySet

from advancement.database.snapshot import one_snapshot
from advancement.models import AdvancementEvent, LeftOut, RuleVersion, Run
from advancement.models.runs import LeftOutBucket, RunKind, RunStatus
from advancement.rollback.rules import rules_rolled_back
from advancement.rollback.scope import events_in_scope

_NOT_APPLIED = {RunStatus.PLANNED, RunStatus.HELD, RunStatus.APPROVED}
_DROPPED = {RunStatus.CANCELLED, RunStatus.DISCARDED}

ROLLBACK_BUCKETS = (
    LeftOutBucket.ADVANCED_SINCE,
    LeftOutBucket.OVERRIDDEN_SINCE,
    LeftOutBucket.ALREADY_ROLLED_BACK,
    LeftOutBucket.GONE,
    LeftOutBucket.TIER_GONE,
    LeftOutBucket.EXCLUDED,
)

_COUNTS = (
    *("evaluated", "advanced", "no_match", "no_signals", "held"),
    *("invalid", "blocked", "skipped", "failed"),
)


def summarise(run: Run, *, using: str = "default") -> dict[str, Any]:
    """Return the object that `run_advancement --json` prints; its buckets add up to `evaluated`.

    Moves that a failed run has not come to are `failed`; those that were dropped with a discarded or
    cancelled run, or that are struck out of a plan under review, are `skipped`. Of a plan that is not
    applied, `advanced` is what would advance. `run` is brought up to date first.
    """
    with one_snapshot(using):
        run.refresh_from_db(using=using)
        by_rule = _planned_by_rule(run, using) if _only_planned(run) else _applied_by_rule(run, using)
        skipped = run.left_out.using(using).filter(bucket="skipped").count() + _struck(run, using)
    advanced = sum(line["count"] for line in by_rule)
    dropped, failed = _not_reached(run, advanced + skipped)
    return {
        "run": str(run.pk),
        "status": run.status,
        "dry_run": run.dry_run,
        "evaluated": run.evaluated,
        "advanced": advanced,
        "no_match": run.no_match,
        "no_signals": run.no_signals,
        "held": run.held,
        "invalid": run.invalid,
        "blocked": run.blocked,
        "skipped": skipped + dropped,
        "failed": failed,
        "by_rule": by_rule,
        "invalid_rules": run.invalid_rules,
        "stopped_rules": run.stopped_rules,
        **({"held_because": run.held_because} if run.held_because else {}),
        "seconds": _seconds(run),
        **({"error": run.error} if run.error else {}),
    }


def counts_of(run_id: int, using: str = "default") -> dict[str, int]:
    """Return how many moves a run has made and how many it skipped, as it keeps them at its end."""
    left_out = LeftOut.objects.using(using).filter(run=run_id, bucket=LeftOutBucket.SKIPPED)
    events = AdvancementEvent.objects.using(using).filter(run_id=run_id)
    return {"advanced": events.count(), "skipped": left_out.count()}


def summary_of(run: Run, *, using: str = "default") -> dict[str, Any]:
    """Return the object that the command of the run's kind prints."""
    return (summarise_rollback if run.kind == RunKind.ROLLBACK else summarise)(run, using=using)


def summarise_rollback(run: Run, *, using: str = "default") -> dict[str, Any]:
    """Return the object that `rollback_advancements --json` prints; its buckets add up to `evaluated`.

    They count events: a sprout that is taken back by two steps counts twice. `unwound` are those of
    `reverted` that lie outside of the scope. Of a plan that is not applied, `reverted` is what would be.
    `run` is brought up to date first.
    """
    with one_snapshot(using):
        run.refresh_from_db(using=using)
        return _summary_of_rollback(run, using)


def _summary_of_rollback(run: Run, using: str) -> dict[str, Any]:
    left_out = run.left_out.using(using).order_by().values_list("bucket").annotate(count=Count("id"))
    counts = dict(left_out.values_list("bucket", "count"))
    struck = _struck(run, using)
    counts[LeftOutBucket.EXCLUDED] = counts.get(LeftOutBucket.EXCLUDED, 0) + struck
    skipped = counts.get(LeftOutBucket.SKIPPED, 0)
    reverted = _reverted(run, using).count()
    dropped, failed = _not_reached(run, reverted + skipped + run.moves_struck + struck)
    return {
        "run": str(run.pk),
        "status": run.status,
        "dry_run": run.dry_run,
        **({"undoes": str(run.undoes_id)} if run.undoes_id else {}),
        "evaluated": run.evaluated,
        "reverted": reverted,
        **{bucket: counts.get(bucket, 0) for bucket in ROLLBACK_BUCKETS},
        "skipped": skipped + dropped,
        "failed": failed,
        "unwound": _unwound(run, using) if run.unwind else 0,
        "rules": rules_rolled_back(run, using),
        "disabled_rules": run.rules_disabled,
        "digest": run.digest,
        "seconds": _seconds(run),
        **({"error": run.error} if run.error else {}),
    }


def _only_planned(run: Run) -> bool:
    """Whether no move of the plan was made yet; a run that failed halfway may be `planned` again."""
    return run.status in _NOT_APPLIED and run.cursor == 0


def _struck(run: Run, using: str) -> int:
    """Return how many moves are struck out of a plan; once it is to be applied they are left out instead."""
    if run.moves_struck or not run.review_revision:
        return 0
    return run.moves.using(using).filter(struck=True).count()


def _not_reached(run: Run, dealt_with: int) -> tuple[int, int]:
    """Return how many moves were dropped with the plan, and how many are left to be made."""
    left = max(run.moves_planned - dealt_with, 0)
    return (left, 0) if run.status in _DROPPED else (0, left)


def _reverted(run: Run, using: str) -> "QuerySet[Any, Any]":
    """Return the events that a rollback takes back or has taken back, by id."""
    if _only_planned(run):
        moves = run.moves.using(using).filter(struck=False)
        return moves.order_by().values_list("reverses_event", flat=True)
    events = AdvancementEvent.objects.using(using).filter(run_id=run.pk)
    return events.order_by().values_list("reverses", flat=True)


def _unwound(run: Run, using: str) -> int:
    within = events_in_scope(run, using).filter(pk__in=_reverted(run, using))
    return _reverted(run, using).count() - within.count()


def nothing_rolled_back(error: str, *, dry_run: bool) -> dict[str, Any]:
    """Return the same object for a rollback that could not even be started, or not be reported on."""
    counts = dict.fromkeys(("evaluated", "reverted", *ROLLBACK_BUCKETS, "skipped", "failed", "unwound"), 0)
    return {
        "run": None,
        "status": RunStatus.FAILED,
        "dry_run": dry_run,
        **counts,
        "rules": [],
        "disabled_rules": [],
        "digest": "",
        "seconds": 0.0,
        "error": error,
    }


def nothing_done(error: str, *, dry_run: bool) -> dict[str, Any]:
    """Return the same object for a run that could not even be started, or not be reported on."""
    counts = dict.fromkeys(_COUNTS, 0)
    lists: dict[str, Any] = {"by_rule": [], "invalid_rules": [], "stopped_rules": []}
    return {
        "run": None,
        "status": RunStatus.FAILED,
        "dry_run": dry_run,
        **counts,
        **lists,
        "seconds": 0.0,
        "error": error,
    }


def _planned_by_rule(run: Run, using: str) -> list[dict[str, Any]]:
    moves = run.moves.using(using).filter(struck=False).order_by()
    counted = moves.values_list("rule_version").annotate(count=Count("position"))
    return _lines(dict(counted.values_list("rule_version", "count")), using)


def _applied_by_rule(run: Run, using: str) -> list[dict[str, Any]]:
    events = AdvancementEvent.objects.using(using).filter(run_id=run.pk)
    counted = (
        events.order_by().values("rule_id", "rule_version", "from_tier", "to_tier").annotate(n=Count("id"))
    )
    lines = [
        {
            "rule": c["rule_id"],
            "version": c["rule_version"],
            "from": c["from_tier"],
            "to": c["to_tier"],
            "count": c["n"],
        }
        for c in counted
    ]
    return sorted(lines, key=lambda line: str(line["rule"]))


def _lines(counts: dict[int, int], using: str) -> list[dict[str, Any]]:
    versions = RuleVersion.objects.using(using).filter(pk__in=counts).order_by("rule", "number")
    return [
        {"rule": v.rule_id, "version": v.number, "from": v.from_tier, "to": v.to_tier, "count": counts[v.pk]}
        for v in versions
    ]


def _seconds(run: Run) -> float:
    end = run.finished_at or run.planned_at
    if run.started_at is None or end is None:
        return 0.0
    return round((end - run.started_at).total_seconds(), 3)
