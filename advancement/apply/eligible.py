"""Which moves of a batch may still be made, and what their events say: one query for each kind of run."""

from collections.abc import Sequence
from typing import Final

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    DateTimeField,
    Exists,
    F,
    IntegerField,
    JSONField,
    OuterRef,
    PositiveIntegerField,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Expression
from django.db.models.functions import Cast

from advancement.database.statements import Variable
from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.models import AdvancementEvent, Hold, Move, RuleVersion, Run, Tier
from advancement.models.events import AdvancementEventType
from advancement.models.runs import RunKind

EVENT_TYPES: Final = {
    RunKind.ADVANCEMENT: AdvancementEventType.AUTO_ADVANCEMENT,
    RunKind.ROLLBACK: AdvancementEventType.BULK_ROLLBACK,
    RunKind.OVERRIDE: AdvancementEventType.MANUAL_OVERRIDE,
}

# What an event takes over from the batch, in the order in which the queries below return it.
EVENT_COLUMNS: Final = (
    "sprout_id, sprout_title, lifecycle_model_id, revision, from_tier, to_tier,"
    " former_tier_updated_at, rule_id, rule_version, criteria_met, signal_values, reverses_id"
)
_SPROUT: Final = (
    "sprout_id",
    "sprout__title",
    "sprout__lifecycle_model",
    F("sprout__revision") + 1,
    "from_tier",
    "to_tier",
    "sprout__tier_updated_at",
)
# PostgreSQL takes a null without a type for text.
_NO_RULE: Final = (
    Cast(Value(None), CharField(max_length=100)),
    Cast(Value(None), IntegerField()),
)
_NO_CRITERIA: Final = Value([], output_field=JSONField())
_REVERSES_NOTHING: Final = (
    Cast(Value(None), BigIntegerField()),
    Cast(Value(None), DateTimeField()),
)


def eligible_moves(run: Run, using: str, versions: Sequence[RuleVersion] | None = None) -> "QuerySet[Move]":
    """Return the moves from position `lo` (exclusive) to `hi` (inclusive) that may still be made.

    Whatever the kind of run, the sprout must have the revision that the plan read. The rows hold
    `EVENT_COLUMNS` and, last, since when the sprout counts as being in its new tier; null means from now
    on. `versions` are those that the plan names, with their criteria, for whoever has read them already.
    """
    if run.kind == RunKind.ADVANCEMENT:
        return _advancements(run, versions if versions is not None else _planned_versions(run, using))
    return _reversals(run) if run.kind == RunKind.ROLLBACK else _overrides(run)


def _planned_versions(run: Run, using: str) -> list[RuleVersion]:
    planned = run.moves.using(using).order_by().values_list("rule_version", flat=True).distinct()
    return list(RuleVersion.objects.using(using).filter(pk__in=planned).prefetch_related("criteria"))


def _advancements(run: Run, versions: Sequence[RuleVersion]) -> "QuerySet[Move]":
    """Advancements also need their planned version active, its criteria met, no hold and a way forward."""
    assert run.as_of is not None
    rules = CompiledRules(versions, run.as_of, sprout="sprout__")
    former = Tier.objects.filter(
        lifecycle_model=OuterRef("lifecycle_model"), slug=OuterRef(OuterRef("from_tier"))
    )
    forward = Exists(_target_tier().filter(position__gt=Subquery(former.values("position"))))
    held = Exists(Hold.objects.in_force(run.as_of).filter(sprout=OuterRef("sprout")))
    return (
        _unchanged(run)
        .filter(
            ~held,
            forward,
            rule_version__active_in__isnull=False,
            rule_version__active_in__archived_at__isnull=True,
        )
        .filter(rules.still_met("rule_version"))
        .values_list(
            *_SPROUT,
            "rule_version__rule",
            "rule_version__number",
            rules.criteria_met("rule_version"),
            rules.snapshot(),
            *_REVERSES_NOTHING,
        )
    )


def _reversals(run: Run) -> "QuerySet[Move]":
    """Reversals need the step before them and the tier they lead back to; they ignore holds and criteria.

    What takes back a rollback stands for the advancement that the rollback had taken back, so it names
    that one's rule again.
    """
    of_rollback = {"reverses_event__rule_id__isnull": True}
    undone = "reverses_event__reverses__"
    # A person may meanwhile have brought the sprout to where that step would have left it.
    # The sum keeps PostgreSQL from reading all of the run's events for each sprout.
    step_before = AdvancementEvent.objects.alias(of_run=F("run_id") + Value(0)).filter(
        of_run=run.pk, sprout_id=OuterRef("sprout"), revision=OuterRef("sprout_revision")
    )
    return (
        _unchanged(run)
        .filter(Q(step=1) | Exists(step_before), Exists(_target_tier()))
        .values_list(
            *_SPROUT,
            Case(When(**of_rollback, then=F(f"{undone}rule_id")), output_field=CharField()),
            Case(When(**of_rollback, then=F(f"{undone}rule_version")), output_field=PositiveIntegerField()),
            _NO_CRITERIA,
            _snapshot(run),
            "reverses_event",
            "reverses_event__former_tier_updated_at",
        )
    )


def _overrides(run: Run) -> "QuerySet[Move]":
    """Overrides need the tier that they lead to; they ignore holds and criteria."""
    return (
        _unchanged(run)
        .filter(Exists(_target_tier()))
        .values_list(*_SPROUT, *_NO_RULE, _NO_CRITERIA, _snapshot(run), *_REVERSES_NOTHING)
    )


def _unchanged(run: Run) -> "QuerySet[Move]":
    """Return the batch's moves whose sprouts are still as the plan read them, with their signals."""
    batch = Move.objects.filter(
        run=run.pk,
        position__gt=Variable("lo", IntegerField()),
        position__lte=Variable("hi", IntegerField()),
    )
    # A row that another system put back with an old revision must not stop the others.
    behind = Exists(
        AdvancementEvent.objects.filter(
            sprout_id=OuterRef("sprout"), revision=OuterRef("sprout_revision") + Value(1)
        )
    )
    return with_signals(batch, "sprout__").filter(
        ~behind, sprout__revision=F("sprout_revision"), sprout__tier=F("from_tier")
    )


def _target_tier() -> "QuerySet[Tier]":
    return Tier.objects.filter(lifecycle_model=OuterRef("sprout__lifecycle_model"), slug=OuterRef("to_tier"))


def _snapshot(run: Run) -> Expression:
    assert run.as_of is not None
    return CompiledRules([], run.as_of, sprout="sprout__").snapshot()
