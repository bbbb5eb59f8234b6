"""The way of a new installation from no sprouts to its first advancement."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Run,
    SignalAggregation,
    Sprout,
    UsageEvent,
)
from advancement.models.runs import RunKind
from advancement.rights import Right
from advancement.runs.refreshing import events_wait
from advancement.views.access import may


@dataclass(frozen=True)
class Step:
    """One step: its name, whether it is done, and where it is made; nowhere for those who may not."""

    name: str
    title: str
    done: bool
    address: str = ""


def first_steps(user: User | AnonymousUser) -> list[Step]:
    """Return the steps in order; none once a sprout has moved, by whatever."""
    if AdvancementEvent.objects.exists():
        return []
    has_signals = SignalAggregation.objects.exists()
    rules = AdvancementRule.objects.filter(archived_at__isnull=True)
    draft = rules.filter(draft_version__isnull=False).order_by("pk").first()
    on = rules.filter(active_version__enabled=True).exists()
    # A plan that moves nothing cannot be applied: another dry run is to be made.
    plans = Run.objects.filter(kind=RunKind.ADVANCEMENT, planned_at__isnull=False, moves_planned__gt=0)
    plan = plans.order_by("-id").first()

    def step(
        name: str, title: str, right: Right, done: bool, page: str, *keys: object, more: str = ""
    ) -> Step:
        address = reverse(f"console:{page}", args=keys) + more if may(user, right) else ""
        return Step(name, title, done, address)

    return [
        step("sprouts", "Import your sprouts", Right.IMPORT_DATA, Sprout.objects.exists(), "imports"),
        step(
            "usage",
            "Import their usage",
            Right.IMPORT_DATA,
            has_signals or UsageEvent.objects.exists(),
            "imports",
            more="?kind=events",
        ),
        step("signals", "Refresh the signals", Right.VIEW_RUNS, has_signals and not events_wait(), "signals"),
        step("rule", "Write the first rule", Right.DRAFT_RULES, rules.exists(), "new_rule"),
        step("activate", "Activate it", Right.ACTIVATE_RULES, on, "activate_rule", draft.pk)
        if draft
        else step("activate", "Activate it", Right.VIEW_RULES, on, "rules"),
        step("dry-run", "Make a dry run", Right.START_RUNS, plan is not None, "start_run"),
        step("apply", "Apply its plan", Right.START_RUNS, False, "plan", plan.pk)
        if plan
        else step("apply", "Apply its plan", Right.VIEW_RUNS, False, "runs"),
    ]
