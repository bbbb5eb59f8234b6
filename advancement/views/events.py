"""The audit trail: a list of events, each event's page, and the list as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from advancement.criteria.signals import SIGNALS, Period
from advancement.forms.events import EventFilter
from advancement.models import AdvancementEvent, RuleVersion, Run, Sprout
from advancement.rights import Right
from advancement.rollback.reversals import NEVER_REVERSED, Fate, fates_of, takes_back
from advancement.views.access import allows
from advancement.views.csv_export import csv_response, in_chunks
from advancement.views.paging import count_up_to, page_of
from advancement.views.rollbacks.wording import take_back_address

_CSV_COLUMNS = (
    *(
        "id",
        "timestamp",
        "event_type",
        "sprout_id",
        "sprout_title",
        "lifecycle_model_id",
        "from_tier",
        "to_tier",
    ),
    *("rule_id", "rule_version", "run_id", "operator_id", "reason", "reverses_id", "revision", "kind"),
)


@allows(GET=Right.VIEW_EVENTS)
def events(request: HttpRequest) -> HttpResponse:
    """List events, newest first, run by run."""
    asked = EventFilter(request.GET)
    found = asked.events()
    page = page_of(found, request, first_by=asked.in_order_of, newest_first=True)
    shown = [event.pk for event in page.rows]
    count, more = count_up_to(found)
    context = {
        "title": "Events",
        "form": asked,
        "page": page,
        "count": count,
        "more": more,
        "runs": Run.objects.in_bulk({event.run_id for event in page.rows}),
        "fates": fates_of(shown),
    }
    return render(request, "console/events.html", context)


@allows(GET=Right.VIEW_EVENTS)
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Show one event: what counted, everything that was known, and what became of it."""
    found = AdvancementEvent.objects.select_related("reverses").filter(pk=event_id).first()
    if found is None:
        raise Http404(f"There is no event {event_id}.")
    fate = fates_of([event_id]).get(event_id, NEVER_REVERSED)
    beside = AdvancementEvent.objects.filter(sprout_id=found.sprout_id)
    context = {
        "title": found.sprout_title,
        "here": f"Event {found.pk}",
        "event": found,
        "run": Run.objects.filter(pk=found.run_id).first(),
        "version": RuleVersion.objects.filter(rule=found.rule_id or "", number=found.rule_version or 0)
        .prefetch_related("criteria")
        .first(),
        "sprout": Sprout.objects.filter(pk=found.sprout_id).first(),
        "take_back": take_back_address(found) if found.rule_id is not None else "",
        "fate": fate,
        "fates": {event_id: fate},
        "turns": _turns(found, fate),
        "before": beside.filter(revision__lt=found.revision).order_by("-revision").first(),
        "after": beside.filter(revision__gt=found.revision).order_by("revision").first(),
        "snapshot": list(_snapshot(found.signal_values)),
        "periods": list(Period),
    }
    return render(request, "console/event.html", context)


@dataclass(frozen=True)
class Turn:
    """An event that turned another one around: what it did to it, as in `Restored`, and in which run."""

    word: str
    event: AdvancementEvent
    run: Run | None


def _turns(event: AdvancementEvent, fate: Fate) -> list[Turn]:
    """Return what became of an event since, the newest first; that says how it is now."""
    events = AdvancementEvent.objects.defer("signal_values").in_bulk(fate.reversals)
    runs = Run.objects.in_bulk({turn.run_id for turn in events.values()})
    words = ("Undone", "Made again") if takes_back(event) else ("Rolled back", "Restored")
    turns = [
        Turn(words[step % 2], events[key], runs.get(events[key].run_id))
        for step, key in enumerate(fate.reversals)
        if key in events
    ]
    return turns[::-1]


@allows(GET=Right.EXPORT_DATA)
def events_csv(request: HttpRequest) -> HttpResponseBase:
    """Hand out the events that the address asks for, oldest first."""
    found = EventFilter(request.GET).events()
    rows = ([getattr(event, name) for name in _CSV_COLUMNS] for event in in_chunks(found))
    return csv_response("events.csv", _CSV_COLUMNS, rows)


def _snapshot(values: dict[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each signal with its values by period, or the one of all periods; None is unknown."""
    for signal in SIGNALS.values():
        if signal.column is None:
            yield signal.name, [values.get(signal.name)]
        else:
            yield signal.name, [(values.get(period.value) or {}).get(signal.name) for period in Period]
