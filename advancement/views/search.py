"""Quick search: one box for sprouts, rules, runs and events, by name or by number."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from advancement.models import AdvancementEvent, AdvancementRule, Run, Sprout
from advancement.rights import Right
from advancement.views.access import allows, may

_MOST: Final = 8
_LONGEST: Final = 200


@dataclass(frozen=True)
class Hit:
    """Something that was found: what it is, what it is called, where it is."""

    kind: str
    icon: str
    name: str
    note: str
    address: str


@allows(GET=None)
def search(request: HttpRequest) -> HttpResponse:
    """Show what fits; a full id or the number of a run leads there at once."""
    text = request.GET.get("q", "").strip()[:_LONGEST]
    hits = list(_hits(request, text)) if text else []
    partly = "HX-Request" in request.headers
    if not partly and len(hits) == 1 and (text.isdigit() or _uuid(text)):
        return redirect(hits[0].address)
    part = "console/parts/hits.html" if partly else "console/search.html"
    return render(request, part, {"title": "Search", "q": text, "hits": hits, "most": _MOST})


def _hits(request: HttpRequest, text: str) -> Iterator[Hit]:
    user = request.user
    found = (
        _runs(text) if may(user, Right.VIEW_RUNS) else iter(()),
        _rules(text) if may(user, Right.VIEW_RULES) else iter(()),
        _sprouts(text) if may(user, Right.VIEW_SPROUTS) else iter(()),
        _events(text) if may(user, Right.VIEW_EVENTS) else iter(()),
    )
    return chain(*found)


def _runs(text: str) -> Iterator[Hit]:
    if number := _number(text):
        for run in Run.objects.filter(pk=number):
            name = f"{run.get_kind_display()} {run.pk}"
            yield Hit("Run", "runs", name, run.get_status_display(), reverse("console:run", args=[run.pk]))


def _rules(text: str) -> Iterator[Hit]:
    named = Q(pk__icontains=text) | Q(active_version__title__icontains=text)
    rules = AdvancementRule.objects.filter(named | Q(draft_version__title__icontains=text))
    for rule in rules.select_related("active_version", "draft_version").order_by("pk")[:_MOST]:
        version = rule.active_version or rule.draft_version
        title = version.title if version else rule.pk
        yield Hit("Rule", "rules", title, rule.pk, reverse("console:rule", args=[rule.pk]))


def _sprouts(text: str) -> Iterator[Hit]:
    wanted = _uuid(text)
    sprouts = Sprout.objects.filter(pk=wanted) if wanted else Sprout.objects.filter(title__icontains=text)
    for sprout in sprouts.order_by("pk")[:_MOST]:
        yield Hit("Sprout", "sprouts", sprout.title, sprout.tier, reverse("console:sprout", args=[sprout.pk]))


def _events(text: str) -> Iterator[Hit]:
    if number := _number(text):
        for event in AdvancementEvent.objects.filter(pk=number):
            address = reverse("console:event", args=[event.pk])
            yield Hit("Event", "events", f"Event {event.pk}", event.sprout_title, address)
    elif (wanted := _uuid(text)) and not Sprout.objects.filter(pk=wanted).exists():
        # Of a sprout that was deleted the events remain.
        for event in AdvancementEvent.objects.filter(sprout_id=wanted).order_by("-revision")[:1]:
            address = f"{reverse('console:events')}?sprout={wanted}"
            yield Hit("Events", "events", event.sprout_title, "deleted; its events", address)


def _number(text: str) -> int | None:
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
