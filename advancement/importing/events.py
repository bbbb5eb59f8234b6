"""Import usage events: facts that are added once and never change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from advancement.importing import values
from advancement.importing.importer import EXAMPLE_SPROUT, Importer, Merged
from advancement.importing.outcome import BadRow
from advancement.importing.staging import GOOD, TABLE, Check, Column, Staging
from advancement.models.sprouts import Rating, UsageEventType

# A dict: looked up for each row, and listed in its order.
_EVENT_TYPES = dict.fromkeys(UsageEventType.values)
_RATINGS = Rating.values
_LONGEST = values.MAX_IDENTIFIER


class EventImporter(Importer):
    """JSONL objects as the tracker writes them; what is not needed of provenance and metadata is ignored."""

    noun = "usage events"
    required = ("id", "sproutId", "eventType", "createdAt", "sessionId")
    optional = ("userId", "provenance", "metadata")
    columns = (
        Column("id", "text"),
        Column("sprout_id", "uuid"),
        Column("event_type", "text"),
        Column("created_at", "time"),
        Column("session_id", "text"),
        Column("user_id", "text"),
        Column("lens_id", "text"),
        Column("hub_id", "text"),
        Column("query_hash", "text"),
        Column("rating", "text"),
    )
    key = ("id",)
    csv_allowed = False
    example = MappingProxyType(
        {
            "id": "an-example",
            "sproutId": EXAMPLE_SPROUT,
            "eventType": UsageEventType.RATED.value,
            "createdAt": "2026-01-02T09:00:00Z",
            "sessionId": "a-session",
            "userId": "a-user",
            "provenance": {"lensId": "a-lens", "hubId": "a-hub", "queryHash": "a-query"},
            "metadata": {"rating": _RATINGS[0]},
        }
    )

    def __init__(self, using: str, now: datetime) -> None:
        super().__init__(using, now)
        self._time = values.TimeParser(now)

    def parse(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of an event."""
        self.check_names(fields, "field")
        get = fields.get
        event_type = values.one_of(get("eventType"), "eventType", _EVENT_TYPES)
        provenance = _object(get("provenance"), "provenance").get
        metadata = _object(get("metadata"), "metadata")
        rated = event_type == UsageEventType.RATED
        return (
            values.text(get("id"), "id", _LONGEST),
            values.uuid(get("sproutId"), "sproutId"),
            event_type,
            self._time(get("createdAt"), "createdAt"),
            values.text(get("sessionId"), "sessionId", _LONGEST),
            values.optional_text(get("userId"), "userId"),
            values.optional_text(provenance("lensId"), "provenance.lensId"),
            values.optional_text(provenance("hubId"), "provenance.hubId"),
            values.optional_text(provenance("queryHash"), "provenance.queryHash"),
            values.one_of(metadata.get("rating"), "metadata.rating", _RATINGS) if rated else "",
        )

    def checks(self, staging: Staging) -> Sequence[Check]:
        """Refuse events of sprouts that do not exist."""
        return [unknown_sprout(staging)]

    def merge(self, staging: Staging) -> Merged:
        """Add the events that are not here yet; triggers note which sprouts' signals are out of date."""
        names = ", ".join(staging.names)
        return Merged(
            staging.execute(
                f"INSERT INTO usage_events ({names}) SELECT {names} FROM {TABLE} AS r WHERE {GOOD}"
                " ON CONFLICT (id) DO NOTHING"
            )
        )

    def checks_after(self, staging: Staging) -> Sequence[Check]:
        """Refuse other values for an event that is here already."""
        return [
            Check(
                "'an event with this id is here already with other values, and events never change;"
                " remove the row or give it an id of its own'",
                "EXISTS (SELECT 1 FROM usage_events AS e WHERE e.id = r.id"
                f" AND {staging.differ('e', 'r', staging.names)})",
            )
        ]


def unknown_sprout(staging: Staging) -> Check:
    """Return the check that a row's sprout exists."""
    return Check(
        f"'there is no sprout ' || {staging.uuid_text('r.sprout_id')} || '; import the sprouts first'",
        "NOT EXISTS (SELECT 1 FROM sprouts AS s WHERE s.id = r.sprout_id)",
    )


def _object(value: object, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRow(f"{name} is {values.shown(value)}; write an object, or leave it out")
    return value
