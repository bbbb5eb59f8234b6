"""The dashboard: how the grove stands, what ran last, what runs next, what waits for somebody."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.models import AdvancementRule, LifecycleModel, Run, SignalRefresh, Sprout, Tier
from advancement.models.runs import RunKind, RunStatus
from advancement.runs.schedule import next_slot
from advancement.views.access import allows


@allows(GET=None)
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show it to anybody who may sign in; each part only to those who may look at what it is about."""
    runs = Run.objects.filter(kind=RunKind.ADVANCEMENT, dry_run=False)
    rules = AdvancementRule.objects.filter(archived_at__isnull=True)
    context = {
        "title": "Dashboard",
        "last_run": runs.order_by("-id").first(),
        "next_slot": next_slot(),
        "held": Run.objects.filter(status=RunStatus.HELD).order_by("-id")[:5],
        "rules": rules.count(),
        "rules_on": rules.filter(active_version__enabled=True).count(),
        "drafts": rules.filter(draft_version__isnull=False).count(),
        "refresh": SignalRefresh.objects.order_by("-id").first(),
        "models": _ladders(),
    }
    return render(request, "console/dashboard.html", context)


def _ladders() -> list[tuple[LifecycleModel, list[tuple[Tier, int]], int]]:
    """Return each lifecycle model that is in use with its tiers and how many sprouts are in each."""
    counts: dict[tuple[str, str], int] = {
        (model, tier): count
        for model, tier, count in Sprout.objects.order_by()
        .values_list("lifecycle_model", "tier")
        .annotate(count=Count("pk"))
    }
    found = []
    for model in LifecycleModel.objects.filter(archived_at__isnull=True).prefetch_related("tiers"):
        ladder = [(tier, counts.get((model.pk, tier.slug), 0)) for tier in model.tiers.all()]
        found.append((model, ladder, sum(count for _, count in ladder)))
    return found
