"""How long the console's pages take, and how many queries, on a large grove with a long audit trail."""

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.urls import reverse
from rich.console import Console
from rich.table import Table

from advancement.database.clock import database_now
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.bench.measure import TIERS, planted, run_engine
from tests.bench.trail import lengthen

RULE = "botanical-sprout-0"


def prepare(sprouts: int, events: int) -> None:
    """Add the trail, a run that was applied, a dry run and a rollback that waits for its review."""
    lengthen(sprouts, events)
    applied = run_engine(1000)
    dry = start_run(RunRequest(from_tiers=TIERS, dry_run=True), trigger=RunTrigger.COMMAND)
    work_on(dry.pk, dry.lease_token)
    request = RollbackRequest(reason="bench", requested_by="bench", run=applied.pk, dry_run=True)
    rollback = start_rollback(request, trigger=RunTrigger.COMMAND)
    work_on(rollback.pk, rollback.lease_token)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    User.objects.create_superuser("bench", password="bench")


def places() -> Iterator[tuple[str, str]]:
    """Yield each list and detail page with its address: the first page, a far one, and the filters."""
    dry, rollback = Run.objects.filter(dry_run=True).order_by("id")
    applied = Run.objects.filter(pk__lt=dry.pk).latest()
    old = Run.objects.order_by("id")[0]
    middle = AdvancementEvent.objects.order_by("-id").values_list("pk", flat=True)[0] // 2
    event = AdvancementEvent.objects.get(pk=middle)
    sprout = event.sprout_id
    day = (database_now() - timedelta(days=200)).date()
    at = reverse
    yield "Dashboard", at("console:dashboard")
    yield "Advancement rules", at("console:rules")
    yield "Rule editor", at("console:rule", args=[RULE])
    yield "Runs", at("console:runs")
    yield "Runs, a far page", f"{at('console:runs')}?after={old.pk + 60}"
    yield "Run of 100,000 moves", at("console:run", args=[applied.pk])
    yield "Plan of it, under review", at("console:plan", args=[dry.pk])
    yield "Plan, a far page", f"{at('console:plan', args=[dry.pk])}?after={dry.moves_planned - 60}"
    yield "Plan, of one rule", f"{at('console:plan', args=[dry.pk])}?rule={RULE}"
    yield "Plan, by title", f"{at('console:plan', args=[dry.pk])}?q=0001"
    yield "Plan, by title, nothing", f"{at('console:plan', args=[dry.pk])}?q=nothing-like-it"
    yield "Plan, applied", at("console:plan", args=[applied.pk])
    yield "Rollback, scope", f"{at('console:rollback')}?run={applied.pk}"
    yield "Rollback, review", at("console:review_rollback", args=[rollback.pk])
    yield "Rollback, by title", f"{at('console:review_rollback', args=[rollback.pk])}?q=0001"
    events = at("console:events")
    yield "Events", events
    yield "Events, a far page", f"{events}?after={middle}"
    yield "Events of a rule", f"{events}?rule={RULE}"
    yield "Events of a run", f"{events}?run={old.pk}"
    yield "Events of a type", f"{events}?type=bulk-rollback"
    yield "Events of undone rollbacks", f"{events}?type=undo"
    yield "Events of an operator", f"{events}?operator=operator"
    yield "Events of nobody", f"{events}?operator=nobody"
    yield "Events of a sprout", f"{events}?sprout={sprout}"
    yield "Events of a day", f"{events}?since={day}&until={day}"
    yield "Events until a day", f"{events}?until={day}"
    yield "Events of a rule and day", f"{events}?rule={RULE}&since={day}&until={day}"
    yield "Events of a type, day", f"{events}?type=bulk-rollback&since={day}&until={day}"
    yield "Events of a rule, operator", f"{events}?rule={RULE}&operator=operator"
    yield "Event", at("console:event", args=[event.pk])
    sprouts = at("console:sprouts")
    last = Sprout.objects.order_by("-pk").values_list("pk", flat=True)[60]
    yield "Sprouts", sprouts
    yield "Sprouts, a far page", f"{sprouts}?after={last}"
    yield "Sprouts by title", f"{sprouts}?q=0012345"
    yield "Sprouts by title, all", f"{sprouts}?q=notes"
    yield "Sprouts by title, nothing", f"{sprouts}?q=nothing-like-it"
    yield "Sprouts in a tier", f"{sprouts}?model=academic&tier=paper"
    yield "Sprout", at("console:sprout", args=[sprout])
    yield "Lifecycle models", at("console:lifecycles")
    yield "Health", at("console:health")
    yield "Search", f"{at('console:search')}?q=0012345"
    yield "Search, misspelt", f"{at('console:search')}?q=noets"
    yield "Search, nothing", f"{at('console:search')}?q=nothing-like-it"
    yield "Import", at("console:imports")
    yield "TierBadge", at("badge_svg", args=[sprout])


def measure(rounds: int, only: str = "") -> Table:
    """Ask for each page again and again, signed in, and return the times of the view and its template."""
    client = Client()
    client.force_login(User.objects.get(username="bench"))
    table = Table()
    for heading in ("page", "first ms", "queries", "p50 ms", "p95 ms", "later queries"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for name, address in places():
        if only.lower() not in name.lower():
            continue
        for known in caches.all(initialized_only=True):
            known.clear()
        first, first_queries = _asked(client, address)
        times = sorted(_timed(client, address) for _ in range(rounds))
        p95 = statistics.quantiles(times, n=20)[-1]
        _, queries = _asked(client, address)
        figures = (f"{first:,.0f}", first_queries, f"{statistics.median(times):,.0f}", f"{p95:,.0f}", queries)
        table.add_row(name, *map(str, figures))
    return table


def _asked(client: Client, address: str) -> tuple[float, int]:
    """Return the time that a page takes, and its queries."""
    queries: list[str] = []
    with connection.execute_wrapper(partial(_note, queries)):
        took = _timed(client, address)
    return took, len(queries)


def _note(queries: list[str], execute: Any, sql: str, *rest: Any) -> Any:
    queries.append(sql)
    return execute(sql, *rest)


def _timed(client: Client, address: str) -> float:
    start = time.perf_counter()
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench pages", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    with planted(options.sprouts, 0.1) as fresh:
        fresh()
        prepare(options.sprouts, options.events)
        table = measure(options.rounds)
        table.title = f"{connection.vendor}: {options.sprouts:,} sprouts, {options.events:,} events"
        Console(width=100).print(table)
