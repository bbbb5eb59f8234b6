"""Health: whether the parts that work by themselves do, and what a person may do about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import django.db
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html

from advancement.criteria.signals import Period
from advancement.database.clock import database_now
from advancement.database.triggers import count_triggers, missing_triggers
from advancement.diagnostics.clusters import clusters, heartbeats
from advancement.ledger.record import check_and_record, last_check, ledger_fault
from advancement.ledger.seals import START, Head, unsealed_runs
from advancement.models import AdvancementEvent, LedgerCheck, OutboxMessage, Schedule, Seal, SignalRefresh
from advancement.models.outbox import OutboxStatus
from advancement.notifications.outbox import OutboxState, outbox_state, recipients, try_again
from advancement.notifications.send import send_test
from advancement.rights import Right
from advancement.runs.asked_for import asked_for_fault
from advancement.runs.schedule import fault_of, next_slot
from advancement.runs.waking import NOTIFICATIONS_CLUSTER, wake_up
from advancement.templatetags.times import when
from advancement.views.access import allows
from advancement.views.paging import count_up_to

# A check of more than that takes longer than somebody should wait for a page.
MOST_CHECKED: Final = 200_000
_REFRESHES: Final = 5
_MESSAGES: Final = 10


@dataclass(frozen=True)
class Part:
    """A part that works by itself: what is wrong with it, what is usual, and why neither can be said."""

    name: str
    fault: str | None
    usual: str
    unknown: str = ""


@allows(GET=Right.VIEW_RUNS)
def health(request: HttpRequest) -> HttpResponse:
    """Show each part with its state, the newest refreshes, what could not be sent, the seals."""
    return _page(request)


@allows(POST=Right.VIEW_RUNS)
def check_ledger(request: HttpRequest) -> HttpResponse:
    """Make every check of the ledger now and show what was found."""
    events, more = count_up_to(AdvancementEvent.objects.all(), MOST_CHECKED)
    if more:
        messages.warning(
            request,
            f"There are more than {events:,} events, which takes longer than a page may: "
            "run manage.py verify_ledger instead.",
        )
        return redirect("console:health")
    return _page(request, verification=check_and_record(by=request.user.get_username()))


@allows(POST=Right.SEND_NOTIFICATIONS)
def resend(request: HttpRequest) -> HttpResponse:
    """Give every message that was given up another chance, now."""
    again = try_again(OutboxMessage.objects.filter(status=OutboxStatus.FAILED))
    wake_up(NOTIFICATIONS_CLUSTER)
    plural = "" if again == 1 else "s"
    messages.success(request, f"{again:,} notification{plural} will be tried again within a minute.")
    return redirect("console:health")


@allows(POST=Right.SEND_NOTIFICATIONS)
def try_channels(request: HttpRequest) -> HttpResponse:
    """Send a test message through every channel and say what became of each."""
    if not recipients():
        messages.warning(request, "No channel is configured: set NOTIFY_EMAILS or NOTIFY_WEBHOOK_URL.")
    for result in send_test():
        if result.delivered:
            messages.success(request, f"The test by {result.channel} to {result.recipient} was handed over.")
        else:
            messages.error(request, f"The test by {result.channel} to {result.recipient}: {result.error}")
    return redirect("console:health")


def _page(request: HttpRequest, **more: object) -> HttpResponse:
    now, schedule, newest = database_now(), Schedule.objects.first(), Seal.objects.order_by("-number").first()
    outbox, checked = outbox_state(now), last_check()
    failed = OutboxMessage.objects.filter(status=OutboxStatus.FAILED).order_by("-id")
    refreshes = list(SignalRefresh.objects.defer("totals").order_by("-id")[:_REFRESHES])
    context = {
        "title": "Health",
        "parts": list(_parts(schedule, outbox, checked, now)),
        "checked": checked,
        "schedule": schedule,
        "next_slot": next_slot(now),
        "refreshes": refreshes,
        "refresh": _behind(refreshes),
        "channels": recipients(),
        "outbox": outbox,
        "failed_messages": failed[:_MESSAGES] if outbox.failed else [],
        "head": Head(newest.number, newest.hash) if newest else START,
        "newest_seal": newest,
        "unsealed": unsealed_runs().count(),
        "clusters": clusters(),
        "heartbeats": heartbeats(),
        "cron": settings.ADVANCEMENT_CRON,
        "database": connection.display_name,
        **more,
    }
    return render(request, "console/health.html", context)


def _behind(refreshes: Sequence[SignalRefresh]) -> SignalRefresh | None:
    """Return the refresh behind the signals: the newest, unless it left some of the periods as they were."""
    if refreshes and len(refreshes[0].periods) == len(Period):
        return refreshes[0]
    return SignalRefresh.objects.behind()


def _parts(
    schedule: Schedule | None, outbox: OutboxState, checked: LedgerCheck | None, now: datetime
) -> Iterator[Part]:
    missing = missing_triggers(connection)
    looked = fault_of(schedule, now)
    yield Part("Scheduler and task clusters", looked, "They look for work every minute.")
    yield Part(
        "Audit trail",
        f"triggers missing: {', '.join(missing)}; run manage.py migrate" if missing else None,
        f"All {count_triggers(connection)} triggers are in place: no event can be changed or deleted.",
    )
    yield Part(
        "Ledger", ledger_fault(checked), _usual_ledger(checked), unknown="" if checked else "Not checked"
    )
    yield Part(
        "Imports and refreshes", asked_for_fault(), "Nothing that somebody asked for waits for a worker."
    )
    told = bool(recipients())
    yield Part(
        "Notifications",
        outbox.fault,
        "Nothing is stuck in the outbox."
        if told
        else "Nobody is told: set NOTIFY_EMAILS or NOTIFY_WEBHOOK_URL.",
        unknown="" if told else "Not configured",
    )
    yield Part("Database", _database_fault(), "It answers, and its tables are as this version needs them.")


def _usual_ledger(checked: LedgerCheck | None) -> str:
    if checked is None:
        return "Nobody has checked it yet."
    return format_html("The check of {} found no fault.", when(checked.checked_at))


def _database_fault() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except django.db.Error as error:
        return f"it does not answer: {error}"
    return "it is not migrated: run manage.py migrate" if pending else None
