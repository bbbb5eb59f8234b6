"""Sprouts: a list to find one in, and each sprout's page with its history and its prospects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from advancement.badges import tier_badges
from advancement.criteria.signals import SIGNALS, Period, Signal
from advancement.evaluation.explain import explain
from advancement.forms.sprouts import HOLD_CHOICES, NO_HOLD, OverrideForm, SproutFilter
from advancement.models import (
    AdvancementEvent,
    DirtySprout,
    Hold,
    LeftOut,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
)
from advancement.models.runs import TAKEN_OUT, LeftOutBucket
from advancement.rights import Right
from advancement.rollback.last import last_standing
from advancement.rollback.reversals import fates_of
from advancement.views.access import allows
from advancement.views.badges import badge_snippet
from advancement.views.paging import count_up_to, page_of
from advancement.views.prospects import ladder_of, most_telling
from advancement.views.rollbacks.wording import take_back_address

_TIMELINE = 25


@allows(GET=Right.VIEW_SPROUTS)
def sprouts(request: HttpRequest) -> HttpResponse:
    """List sprouts, each with its TierBadge."""
    asked = SproutFilter(request.GET)
    found = asked.sprouts()
    page = page_of(
        found.with_title_order().select_related("lifecycle_model"),
        request,
        key="id",
        first_by="title_order",
        anywhere=Sprout.objects.with_title_order(),
        parse=UUID,
    )
    count, more = count_up_to(found)
    held = Hold.objects.in_force(timezone.now()).filter(sprout__in=[sprout.pk for sprout in page.rows])
    context = {
        "title": "Sprouts",
        "form": asked,
        "page": page,
        "count": count,
        "more": more,
        "badges": tier_badges(page.rows),
        "held": set(held.values_list("sprout_id", flat=True)),
    }
    return render(request, "console/sprouts.html", context)


@allows(GET=Right.VIEW_SPROUTS)
def sprout(request: HttpRequest, sprout_id: UUID) -> HttpResponse:
    """Show where a sprout stands, why it advances or stays, and all that happened to it."""
    return sprout_page(request, sprout_id)


def sprout_page(request: HttpRequest, sprout_id: UUID, *, status: int = 200, **refused: Any) -> HttpResponse:
    """Render a sprout's page; `refused` are forms on it, shown again with their errors."""
    try:
        explanation = explain(sprout_id)
    except Sprout.DoesNotExist:
        raise Http404(
            f"There is no sprout {sprout_id}. It may have been deleted; its events remain."
        ) from None
    found = explanation.sprout
    tiers = list(Tier.objects.filter(lifecycle_model=found.lifecycle_model_id).order_by("position"))
    events = AdvancementEvent.objects.filter(sprout_id=sprout_id)
    page = page_of(events, request, key="revision", newest_first=True, size=_TIMELINE)
    context = {
        "title": found.title,
        "sprout": found,
        "badge": tier_badges([found])[sprout_id],
        "explanation": explanation,
        "ladder": list(ladder_of(explanation, tiers)),
        "rules": most_telling(explanation),
        "in_daily_run": found.tier in settings.ADVANCEMENT_FROM_TIERS,
        "from_tiers": settings.ADVANCEMENT_FROM_TIERS,
        "page": page,
        "timeline": list(_timeline(page.rows, _holds(found), page.before is None, page.after is None, found)),
        "runs": Run.objects.in_bulk({event.run_id for event in page.rows}),
        "fates": fates_of(event.pk for event in page.rows),
        "signals": list(_signals(found)),
        "periods": list(Period),
        "refresh": SignalRefresh.objects.behind(),
        "events_wait": DirtySprout.objects.filter(sprout_id=sprout_id).exists(),
        "other_tiers": [tier for tier in tiers if tier.slug != found.tier],
        **_last(request, sprout_id, tiers),
        "hold_choices": HOLD_CHOICES,
        "override_holds": [*HOLD_CHOICES, NO_HOLD],
        **badge_snippet(request, sprout_id),
        **refused,
    }
    if form := context.get("override_form"):
        context["demotion"] = demotion_to(str(form["tier"].value() or ""), found, tiers)
        context["ending"], context["staying"] = _holds_after(form, context.get("last"), explanation.holds)
    return render(request, "console/sprout.html", context, status=status)


@dataclass(frozen=True)
class Demotion:
    """A move down a ladder, which a person confirms; `mark` names it in the form."""

    start: Tier
    end: Tier
    revision: int

    @property
    def mark(self) -> str:
        """What the form sends when just this move is confirmed."""
        return f"{self.revision}>{self.end.slug}"


def demotion_to(slug: str, sprout: Sprout, tiers: Sequence[Tier]) -> Demotion | None:
    """Return the move of a sprout to a tier, of those of its model, when it leads down; None otherwise."""
    by_slug = {tier.slug: tier for tier in tiers}
    start, end = by_slug.get(sprout.tier), by_slug.get(slug)
    return Demotion(start, end, sprout.revision) if start and end and end.position < start.position else None


def _last(request: HttpRequest, sprout_id: UUID, tiers: Sequence[Tier]) -> dict[str, Any]:
    """Return the last thing that stands of its history, and how it is taken back: by which form, if by any.

    An advancement is rolled back. An override is by another one, whose form the address asks to fill in.
    """
    last = last_standing(sprout_id)
    if last is None:
        return {}
    if last.rule_id is not None:
        return {"last": last, "take_back": take_back_address(last)}
    if last.from_tier not in {tier.slug for tier in tiers}:
        return {}
    found: dict[str, Any] = {"last": last, "undo_override": True}
    if request.GET.get("undo") == str(last.pk):
        reason = f"Takes the override of event {last.pk} back."
        back = {"tier": last.from_tier, "reason": reason, "days": NO_HOLD[0]}
        found["override_form"] = OverrideForm(initial=back | {"undoes": last.pk})
    return found


def _holds_after(
    form: OverrideForm, last: AdvancementEvent | None, holds: Sequence[Hold]
) -> tuple[list[Hold], list[Hold]]:
    """Return the holds that end with what the form does, and those that stay, when it undoes an override."""
    if last is None or str(form["undoes"].value()) != str(last.pk):
        return [], []
    own = [hold for hold in holds if hold.set_by_run_id == last.run_id]
    return own, [hold for hold in holds if hold not in own]


@dataclass(frozen=True)
class Entry:
    """One line of a sprout's history: an event, a hold set or released, a plan without it, its creation."""

    at: datetime
    event: AdvancementEvent | None = None
    hold: Hold | None = None
    released: bool = False
    left_out: LeftOut | None = None


def _holds(sprout: Sprout) -> "QuerySet[Hold]":
    return Hold.objects.filter(sprout=sprout.pk).order_by("-id")[:_TIMELINE]


def _timeline(
    events: Sequence[AdvancementEvent], holds: "QuerySet[Hold]", newest: bool, oldest: bool, sprout: Sprout
) -> Iterator[Entry]:
    """Yield what happened, newest first; what is no event stands on the page of the events around it."""
    entries = [Entry(event.timestamp, event=event) for event in events]
    start = None if oldest or not events else events[-1].timestamp
    end = None if newest or not events else events[0].timestamp
    for hold in holds:
        for at, released in ((hold.set_at, False), (hold.released_at, True)):
            if at and (start is None or at >= start) and (end is None or at <= end):
                entries.append(Entry(at, hold=hold, released=released))
    for left_out in _left_out_by_hand(sprout):
        at = left_out.run.decided_at
        if at and (start is None or at >= start) and (end is None or at <= end):
            entries.append(Entry(at, left_out=left_out))
    if oldest:
        entries.append(Entry(sprout.created_at))
    yield from sorted(entries, key=lambda entry: entry.at, reverse=True)


def _left_out_by_hand(sprout: Sprout) -> "QuerySet[LeftOut]":
    """Return the newest of the plans that a person took a sprout out of."""
    by_hand = LeftOut.objects.filter(sprout_id=sprout.pk, reason__endswith=TAKEN_OUT)
    found = by_hand.filter(bucket__in=[LeftOutBucket.SKIPPED, LeftOutBucket.EXCLUDED])
    return found.select_related("run").order_by("-pk")[:_TIMELINE]


def _signals(sprout: Sprout) -> Iterator[tuple[str, list[float | None]]]:
    """Yield each signal with its value by period; None is unknown."""
    rows = {row.period: row for row in SignalAggregation.objects.filter(sprout=sprout.pk)}
    for signal in SIGNALS.values():
        if signal.column:
            yield signal.name, [_value(rows.get(period.value), signal) for period in Period]


def _value(row: SignalAggregation | None, signal: Signal) -> float | None:
    stored: float | None = getattr(row, signal.column or "", None) if row else None
    return (stored + 1) / 2 if signal.halved and stored is not None else stored
