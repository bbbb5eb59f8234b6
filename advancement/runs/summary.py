"""A run's outcome as figures, the same for people and for programs."""

from typing import Any

from django.db.models import Count

from advancement.models import AdvancementEvent, RuleVersion, Run
from advancement.models.runs import RunStatus

_NOT_APPLIED = {RunStatus.PLANNED, RunStatus.HELD, RunStatus.APPROVED, RunStatus.DISCARDED}

_COUNTS = (
    *("evaluated", "advanced", "no_match", "no_signals", "held"),
    *("invalid", "blocked", "skipped", "failed"),
)


def summarise(run: Run, *, using: str = "default") -> dict[str, Any]:
    """Return the object that `run_advancement --json` prints; its buckets add up to `evaluated`.

    Moves that a failed run has not come to are `failed`, those that a newer run superseded are
    `skipped`. Of a plan that is not applied, `advanced` is what would advance.
    """
    by_rule = _planned_by_rule(run, using) if run.status in _NOT_APPLIED else _applied_by_rule(run, using)
    advanced = sum(line["count"] for line in by_rule)
    skipped = run.left_out.using(using).filter(bucket="skipped").count()
    remaining = run.moves_planned - advanced - skipped
    dropped = run.status == RunStatus.CANCELLED
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
        "skipped": skipped + (remaining if dropped else 0),
        "failed": 0 if dropped else remaining,
        "by_rule": by_rule,
        "invalid_rules": run.invalid_rules,
        "stopped_rules": run.stopped_rules,
        **({"held_because": run.held_because} if run.held_because else {}),
        "seconds": _seconds(run),
        **({"error": run.error} if run.error else {}),
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
    counted = run.moves.using(using).order_by().values_list("rule_version").annotate(count=Count("position"))
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
