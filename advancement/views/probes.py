"""Whether all is well, for a supervisor that asks the process."""

import django.db
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from advancement.database.triggers import missing_triggers
from advancement.notifications.outbox import outbox_fault
from advancement.runs.schedule import scheduler_fault


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


def _trigger_fault() -> str | None:
    missing = missing_triggers(connection)
    return f"triggers missing: {', '.join(missing)}; run manage.py migrate" if missing else None


def _unready(reason: str) -> JsonResponse:
    return JsonResponse({"status": "unready", "reasons": [reason]}, status=503)
