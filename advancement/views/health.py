"""Whether all is well: for a supervisor, which asks the process, and for people."""

import django.db
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from advancement.database.triggers import missing_triggers
from advancement.models import SignalRefresh
from advancement.notifications.outbox import outbox_fault
from advancement.rights import Right
from advancement.runs.schedule import next_slot, scheduler_fault
from advancement.views.access import allows


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process lives."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 503 without a reachable, migrated database; else 200 with `ok` or `degraded` and why."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if pending:
            return _unready("the database is not migrated; run manage.py migrate")
        faults = [_trigger_fault(), scheduler_fault(), outbox_fault()]
    except django.db.Error:
        return _unready("the database is not reachable")
    reasons = [fault for fault in faults if fault]
    return JsonResponse({"status": "degraded" if reasons else "ok", "reasons": reasons})


@allows(GET=Right.VIEW_RUNS)
def health(request: HttpRequest) -> HttpResponse:
    """Show what `/readyz` judges by, part by part."""
    checks = [
        ("Scheduler and task clusters", scheduler_fault(), "They look for work every minute."),
        ("Notifications", outbox_fault(), "Nothing is stuck in the outbox."),
        ("Audit trail", _trigger_fault(), "Its triggers are in place: no event can be changed or deleted."),
    ]
    context = {
        "title": "Health",
        "checks": checks,
        "refresh": SignalRefresh.objects.order_by("-id").first(),
        "next_slot": next_slot(),
    }
    return render(request, "console/health.html", context)


def _trigger_fault() -> str | None:
    missing = missing_triggers(connection)
    return f"triggers missing: {', '.join(missing)}; run manage.py migrate" if missing else None


def _unready(reason: str) -> JsonResponse:
    return JsonResponse({"status": "unready", "reasons": [reason]}, status=503)
