"""The dashboard: what last night did and why, how the grove stands, what is off, what waits for somebody."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.signals import Period
from advancement.criteria.wording import isolated
from advancement.database.clock import database_now
from advancement.evaluation.counts import count_sprouts
from advancement.history import (
    SHOWN_DAYS,
    Counts,
    Night,
    counts_by_day,
    mark_expected,
    nights,
    rolled_back_by_day,
    unmark_expected,
)
from advancement.ladders import current_models
from advancement.ledger.record import last_check
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    LifecycleModel,
    OutboxMessage,
    Run,
    SignalRefresh,
    Tier,
)
from advancement.models.outbox import OutboxStatus
from advancement.models.runs import RunKind, RunStatus
from advancement.remembered import counted_lately
from advancement.rights import Right
from advancement.runs.planned import struck_of
from advancement.runs.schedule import next_slot
from advancement.views.access import allows, may
from advancement.views.charts import StackedBars, spark, stacked_bars
from advancement.views.first_steps import first_steps
from advancement.views.odd_nights import is_odd, standing_of_run, still_odd, taken_back_of
from advancement.views.shell import Console

_SERIES: Final = 3
_SHOWN: Final = 5
_NIGHTS: Final = 12
_LADDERS: Final = 4


@allows(GET=None)
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show it to anybody who may sign in; each part only to those who may look at what it is about."""
    now, console = database_now(), Console(request)
    runs = Run.objects.filter(kind=RunKind.ADVANCEMENT, dry_run=False)
    rules = list(_rules().filter(archived_at__isnull=True))
    # A plan counts from when it was applied, which may be after later runs.
    last_run = runs.filter(planned_at__isnull=False).order_by(F("started_at").desc(nulls_last=True)).first()
    day = (last_run.began_at if last_run else now).astimezone(UTC).date()
    counts = counts_by_day(day)
    enabled = [rule for rule in rules if rule.active_version and rule.active_version.enabled]
    held = Run.objects.filter(status=RunStatus.HELD).order_by("-id")[:_SHOWN]
    struck = struck_of(held)
    at_work = [*enabled, *_moved_and_off(rules, counts, day)]
    judged = list(zip(at_work, nights([rule.pk for rule in at_work], counts, day), strict=True))
    judged.sort(key=_most_telling_first)
    back = taken_back_of(judged[:_NIGHTS], day)
    # Those that were taken back make room for others.
    unseen = iter([(rule, night) for rule, night in judged if is_odd(rule, night)])
    odd = list(islice(still_odd(unseen), _SHOWN))
    ladders = _ladders(now)
    shown = (
        _LADDERS if len(ladders) <= _LADDERS else max(sum(total > 0 for *_, total in ladders[:_LADDERS]), 1)
    )
    context = {
        "title": "Dashboard",
        "now": now,
        "last_run": last_run,
        "since_last": standing_of_run(last_run) if last_run and last_run.cursor else None,
        "next_slot": next_slot(),
        "held": [(run, run.moves_planned - struck.get(run.pk, 0)) for run in held],
        "failed": Run.objects.filter(status=RunStatus.FAILED).order_by("-id")[:_SHOWN],
        "checked": last_check() if may(request.user, Right.VIEW_RUNS) else None,
        "rules": rules,
        "rules_on": len(enabled),
        "drafts": [rule for rule in rules if rule.draft_version_id],
        "night": day,
        "scheduled_tiers": settings.ADVANCEMENT_FROM_TIERS,
        "nights": [
            (rule, night, spark(night.days), back.get(rule.pk, 0)) for rule, night in judged[:_NIGHTS]
        ],
        "more_nights": len(judged[_NIGHTS:]),
        "more_moved": sum(night.count for _, night in judged[_NIGHTS:]),
        "odd": odd,
        "more_odd": len(list(unseen)),
        "chart": _chart(counts, day, console.rule_titles),
        "console": console,
        "ladders": ladders[:shown],
        "more_ladders": len(ladders[shown:]),
        "more_sprouts": sum(total for _, _, total in ladders[shown:]),
        "freshness": _freshness(now),
        "max_age": settings.ADVANCEMENT_MAX_SIGNAL_AGE.total_seconds() / 3600,
        "steps": first_steps(request.user) if not counts else [],
        "failed_messages": OutboxMessage.objects.filter(status=OutboxStatus.FAILED)[: _SHOWN + 1].count(),
    }
    return render(request, "console/dashboard.html", context)


def _most_telling_first(judged: tuple[AdvancementRule, Night]) -> tuple[bool, int, int]:
    """Sort the unusual nights first, then those on which most was moved; the rest stays as it is tried."""
    rule, night = judged
    return not is_odd(rule, night), -night.count, -night.week


@allows(POST=Right.START_RUNS)
def expect(request: HttpRequest) -> HttpResponse:
    """Put on record that a rule's night is in order, however unusual, or take that back."""
    found = AdvancementRule.objects.select_related("active_version")
    rule = found.filter(pk=request.POST.get("rule", "")).first()
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
    except ValueError:
        day = None
    today = database_now().astimezone(UTC).date()
    if rule is None or day is None or not today - timedelta(days=SHOWN_DAYS) <= day <= today:
        raise Http404("There is no such night of a rule.")
    if "back" in request.POST:
        unmark_expected(rule.pk, day)
        said = "is not marked as expected any more"
    else:
        mark_expected(rule.pk, day, by=request.user.get_username())
        said = "is marked as expected"
    messages.success(request, f"What {_title(rule)} did on {day:%-d %b} {said}.")
    return redirect("console:dashboard")


def _rules() -> QuerySet[AdvancementRule]:
    return (
        AdvancementRule.objects.select_related("active_version", "draft_version")
        .prefetch_related("active_version__criteria")
        .order_by("active_version__priority", "pk")
    )


def _moved_and_off(rules: Sequence[AdvancementRule], counts: Counts, day: date) -> list[AdvancementRule]:
    """Return the rules that moved something on a day and are off or archived by now."""
    moved = {rule for rule, by_day in counts.items() if by_day.get(day)}
    off = [
        rule for rule in rules if rule.pk in moved and rule.active_version and not rule.active_version.enabled
    ]
    if archived := moved - {rule.pk for rule in rules}:
        off += _rules().filter(pk__in=archived, active_version__isnull=False)
    return off


def _title(rule: AdvancementRule) -> str:
    return f"“{isolated(rule.active_version.title)}”" if rule.active_version else rule.pk


def _chart(counts: Counts, last: date, titles: Mapping[str, str]) -> StackedBars:
    """Lay out the last thirty days by the rules that moved most; several others are one series."""
    days = [last - timedelta(days=n) for n in range(SHOWN_DAYS - 1, -1, -1)]
    most = sorted(counts, key=lambda rule: (-sum(counts[rule].values()), rule))
    named = most if len(most) == _SERIES + 1 else most[:_SERIES]
    series = [(titles.get(rule, rule), [counts[rule].get(day, 0) for day in days]) for rule in named]
    if rest := most[len(named) :]:
        series.append(("Other rules", [sum(counts[rule].get(day, 0) for rule in rest) for day in days]))
    back = rolled_back_by_day(last)
    return stacked_bars(days, series, back=[back.get(day, 0) for day in days])


def _ladders(now: datetime) -> list[tuple[LifecycleModel, list[tuple[Tier, int, int]], int]]:
    """Return each lifecycle model that has tiers, the largest first; of the archived ones those with sprouts.

    With each come its tiers, how many sprouts are in each, and how many more moved in than out in a day.
    """
    counts = count_sprouts()
    changes = _changes_since(now - timedelta(days=1))
    found = []
    for model in current_models():
        ladder = [
            (tier, counts.get((model.pk, tier.slug), 0), changes[model.pk, tier.slug])
            for tier in model.tiers.all()
        ]
        if ladder:
            found.append((model, ladder, sum(count for _, count, _ in ladder)))
    return sorted(found, key=lambda each: -each[2])


def _changes_since(start: datetime) -> Counter[tuple[str, str]]:
    changes: Counter[tuple[str, str]] = Counter()
    for (model, from_tier, to_tier), count in counted_lately("changes", partial(_moves, start)).items():
        changes[model, from_tier] -= count
        changes[model, to_tier] += count
    return changes


def _moves(start: datetime) -> dict[tuple[str, str, str], int]:
    """Return how many sprouts moved since then, by model and both tiers."""
    moves = AdvancementEvent.objects.filter(timestamp__gte=start).order_by()
    grouped = moves.values_list("lifecycle_model_id", "from_tier", "to_tier").annotate(count=Count("pk"))
    return {(model, old, new): count for model, old, new, count in grouped}


def _freshness(now: datetime) -> list[tuple[Period, float | None, SignalRefresh | None]]:
    """Return for each period the age of its signals in hours, and their refresh."""
    newest = SignalRefresh.objects.by_period()
    return [
        (period, (now - found.finished_at).total_seconds() / 3600 if found else None, found)
        for period, found in ((period, newest.get(period)) for period in Period)
    ]
