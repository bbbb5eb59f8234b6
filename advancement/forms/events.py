"""The filter of the list of events; every part of it stands in the address."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from advancement.models import AdvancementEvent
from advancement.models.events import EventKind

_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_NO_DAY = "Give a day as in 2026-11-29."


class EventFilter(forms.Form):
    """Which events are shown; days are days of the zone in which times are shown."""

    rule = forms.CharField(required=False, max_length=100)
    run = forms.IntegerField(
        required=False, min_value=1, max_value=2**62, error_messages={"invalid": "Run is a number."}
    )
    type = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *EventKind.choices],
        error_messages={"invalid_choice": "“%(value)s” is no type of event; choose one from the list."},
    )
    operator = forms.CharField(required=False, max_length=150)
    sprout = forms.UUIDField(
        required=False, error_messages={"invalid": "Sprout is an id, as in its address."}
    )
    since = forms.DateField(required=False, label="From day", error_messages={"invalid": _NO_DAY})
    until = forms.DateField(required=False, label="To day", error_messages={"invalid": _NO_DAY})

    def clean(self) -> dict[str, Any]:
        """Refuse a range that is turned around."""
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        for name, day in (("since", since), ("until", until)):
            if day and not _FIRST_YEAR <= day.year <= _LAST_YEAR:
                self.add_error(name, "Choose a day of our time.")
        if since and until and until < since:
            self.add_error("until", "The last day is before the first one.")
        return values

    @property
    def active(self) -> bool:
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)

    @property
    def in_order_of(self) -> str:
        """The column that the events are in order of before their number, "" for none."""
        return "timestamp" if self.data.get("since") or self.data.get("until") else ""

    def events(self) -> "QuerySet[AdvancementEvent]":
        """Return the events that were asked for; a part that makes no sense is left out."""
        self.is_valid()
        asked = self.cleaned_data
        events = AdvancementEvent.objects.all()
        columns = {
            "rule": "rule_id",
            "run": "run_id",
            "operator": "operator_id",
            "sprout": "sprout_id",
        }
        for name, column in columns.items():
            if asked.get(name):
                events = events.filter(**{column: asked[name]})
        if asked.get("type"):
            events = events.filter(EventKind(asked["type"]).condition)
        if asked.get("since"):
            events = events.filter(timestamp__gte=_midnight(asked["since"]))
        if asked.get("until"):
            events = events.filter(timestamp__lt=_midnight(asked["until"] + timedelta(days=1)))
        return events


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
