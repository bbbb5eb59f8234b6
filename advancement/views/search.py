"""Quick search: one box for sprouts, rules, runs, events and pages, by name or by number."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from advancement.models import AdvancementEvent, AdvancementRule, Run, Sprout
from advancement.models.sprouts import titled
from advancement.rights import Right
from advancement.templatetags.runs import run_name
from advancement.views.access import allows, may
from advancement.views.destinations import destinations

_MOST: Final = 8
_LONGEST: Final = 200
# “run 3”, “undo #6”, “event 12”, or the number alone.
_NUMBERED: Final = re.compile(r"(?:(?P<kind>(?:dry )?run|rollback|undo|event) ?)?#?(?P<number>[0-9]{1,18})")


@dataclass(frozen=True)
class Hit:
    """Something that was found: what it is, what it is called, where it is."""

    kind: str
    icon: str
    name: str
    note: str
    address: str


@dataclass(frozen=True)
class Numbered:
    """A number that somebody gave, of a run (which a rollback is, too), of an event, or of either."""

    number: int
    is_run: bool = True
    is_event: bool = True


@allows(GET=None)
def search(request: HttpRequest) -> HttpResponse:
    """Show what fits; a full id or the number of a run leads there at once."""
    text = " ".join(request.GET.get("q", "")[:_LONGEST].split())
    hits = list(_hits(request, text)) if text else []
    partly = "HX-Request" in request.headers
    if not partly and len(hits) == 1 and (_numbered(text) or _uuid(text)):
        return redirect(hits[0].address)
    more = _more_sprouts(text, hits)
    context = {"title": "Search", "q": text, "hits": hits, "more_sprouts": more, "most": _MOST}
    return render(request, "console/parts/hits.html" if partly else "console/search.html", context)


def _hits(request: HttpRequest, text: str) -> Iterator[Hit]:
    user = request.user
    found = (
        _runs(text) if may(user, Right.VIEW_RUNS) else iter(()),
        _pages(request, text),
        _rules(text) if may(user, Right.VIEW_RULES) else iter(()),
        _sprouts(text) if may(user, Right.VIEW_SPROUTS) else iter(()),
        _events(text) if may(user, Right.VIEW_EVENTS) else iter(()),
    )
    return chain(*found)


def _pages(request: HttpRequest, text: str) -> Iterator[Hit]:
    for place in destinations(request, text):
        yield Hit("Page", place.icon, place.label, place.note, place.address)


def _runs(text: str) -> Iterator[Hit]:
    if (asked := _numbered(text)) and asked.is_run:
        for run in Run.objects.filter(pk=asked.number):
            yield Hit(
                "Run", "runs", run_name(run), run.get_status_display(), reverse("console:run", args=[run.pk])
            )


def _rules(text: str) -> Iterator[Hit]:
    rules = AdvancementRule.objects.filter(
        titled(text, "pk") | titled(text, "active_version__title") | titled(text, "draft_version__title")
    )
    for rule in rules.select_related("active_version", "draft_version").order_by("pk")[:_MOST]:
        version = rule.active_version or rule.draft_version
        title = version.title if version else rule.pk
        yield Hit("Rule", "rules", title, rule.pk, reverse("console:rule", args=[rule.pk]))


def _sprouts(text: str) -> Iterator[Hit]:
    """Yield one hit more than is shown where there are more."""
    wanted = _uuid(text)
    sprouts = Sprout.objects.filter(Q(pk=wanted) if wanted else titled(text))
    for sprout in sprouts.in_title_order()[: _MOST + 1]:
        yield Hit("Sprout", "sprouts", sprout.title, sprout.tier, reverse("console:sprout", args=[sprout.pk]))


def _more_sprouts(text: str, hits: list[Hit]) -> str:
    """Return the address of the list of all sprouts found where these are too many; drop the last then."""
    found = [hit for hit in hits if hit.kind == "Sprout"]
    if len(found) <= _MOST:
        return ""
    hits.remove(found[-1])
    return f"{reverse('console:sprouts')}?{urlencode({'q': text})}"


def _events(text: str) -> Iterator[Hit]:
    if asked := _numbered(text):
        for event in AdvancementEvent.objects.filter(pk=asked.number) if asked.is_event else ():
            address = reverse("console:event", args=[event.pk])
            yield Hit("Event", "events", f"Event {event.pk}", event.sprout_title, address)
    elif (wanted := _uuid(text)) and not Sprout.objects.filter(pk=wanted).exists():
        # Of a sprout that was deleted the events remain.
        for event in AdvancementEvent.objects.filter(sprout_id=wanted).order_by("-revision")[:1]:
            address = f"{reverse('console:events')}?sprout={wanted}"
            yield Hit("Events", "events", event.sprout_title, "deleted; its events", address)


def _numbered(text: str) -> Numbered | None:
    """Return the number that a text is, if it is nothing else but that and a word for what has it."""
    found = _NUMBERED.fullmatch(text.casefold())
    if not found:
        return None
    kind = found["kind"]
    return Numbered(int(found["number"]), is_run=kind != "event", is_event=kind in {None, "event"})


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
