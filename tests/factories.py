"""A small cast with defaults that are valid: sprouts, their signals, rules and runs."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.signals import SIGNALS, Period
from advancement.models import (
    LifecycleModel,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
)
from advancement.models.runs import RunTrigger
from advancement.rulebook.saving import save_rules
from advancement.runs.start import RunRequest, start_run
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule

CREATED = datetime(2025, 12, 1, tzinfo=UTC)


def sprout_values(tier: str = "sprout", **fields: Any) -> Sprout:
    """Return a sprout that is not saved yet."""
    defaults: dict[str, Any] = {
        "id": uuid.uuid4(),
        "title": "notes/a-note.md",
        "lifecycle_model_id": "botanical",
        "tier": tier,
        "initial_tier": tier,
        "tier_updated_at": CREATED,
        "created_at": CREATED,
    }
    return Sprout(**defaults | fields)


def make_sprout(
    tier: str = "sprout", signals: Mapping[str, float | None] | None = None, **fields: Any
) -> Sprout:
    """Save a sprout; with `signals` (by the catalogue's names) also its all-time aggregation."""
    sprout = sprout_values(tier, **fields)
    sprout.save(force_insert=True)
    if signals is not None:
        make_signals(sprout, **signals)
    return sprout


def signal_values(
    sprout: Sprout, period: str = Period.ALL_TIME, **signals: float | None
) -> SignalAggregation:
    """Return an aggregation that is not saved yet; signals that are not named are 0."""
    columns: dict[str, Any] = {s.column: 0 for s in SIGNALS.values() if s.column}
    for name, value in signals.items():
        signal = SIGNALS[name]
        assert signal.column
        columns[signal.column] = value * 2 - 1 if signal.halved and value is not None else value
    return SignalAggregation(sprout=sprout, period=period, computed_at=CREATED, **columns)


def refreshed(totals: Mapping[str, Mapping[str, int]] | None = None, hours_ago: float = 0) -> SignalRefresh:
    """Put a refresh of the signals on record; rules on signals are stopped without one."""
    finished = datetime.now(UTC) - timedelta(hours=hours_ago)
    return SignalRefresh.objects.create(
        kind=SignalRefresh.Kind.IMPORT,
        periods=list(Period),
        started_at=finished,
        finished_at=finished,
        sprouts=0,
        totals=totals or {},
    )


def make_signals(sprout: Sprout, period: str = Period.ALL_TIME, **signals: float | None) -> SignalAggregation:
    """Save the aggregation of one period."""
    row = signal_values(sprout, period, **signals)
    row.save(force_insert=True)
    if not SignalRefresh.objects.exists():
        refreshed()
    return row


def add_rule(*criteria: Any, **fields: Any) -> RuleVersion:
    """Activate a rule, by default `a-rule`: sprout → sapling when citations >= 3."""
    definition = make_rule(*(criteria or ("citations >= 3",)), **fields)
    return add_rules(definition)[0]


def add_rules(*definitions: RuleDefinition) -> list[RuleVersion]:
    """Activate rules and return their versions."""
    save_rules(definitions, by="tests")
    return [RuleVersion.objects.get(active_in=definition.slug) for definition in definitions]


def add_model(slug: str, *tiers: str) -> LifecycleModel:
    """Save a lifecycle model with its tiers in order."""
    model = LifecycleModel.objects.create(slug=slug, label=slug.title())
    for position, tier in enumerate(tiers):
        Tier.objects.create(lifecycle_model=model, slug=tier, label=tier.title(), position=position)
    return model


def planned_run(**request: Any) -> Run:
    """Return a run with its plan made, its lease held by the caller and nothing applied."""
    from advancement.evaluation.plan import make_plan

    run = start_run(RunRequest(**request), trigger=RunTrigger.COMMAND)
    make_plan(run, run.lease_token)
    run.refresh_from_db()
    return run


def finished_run(**request: Any) -> Run:
    """Return a run that was worked on to its end."""
    run = start_run(RunRequest(**request), trigger=RunTrigger.COMMAND)
    return work_on(run.pk, run.lease_token)
