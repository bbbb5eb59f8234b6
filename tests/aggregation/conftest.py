"""A small cast for aggregation: sprouts, their events, and the signals that come of them."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from advancement.criteria.signals import Period
from advancement.models import SignalAggregation, Sprout, UsageEvent

AS_OF = datetime(2026, 3, 6, tzinfo=UTC)
_numbers = itertools.count(1)


def make_sprout(**fields: Any) -> Sprout:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return Sprout.objects.create(
        **{
            "title": "A note",
            "lifecycle_model_id": "botanical",
            "tier": "sprout",
            "initial_tier": "sprout",
            "tier_updated_at": start,
            "created_at": start,
        }
        | fields
    )


def event(sprout: Sprout, at: datetime, event_type: str = "sprout_viewed", **fields: Any) -> UsageEvent:
    """Return an event that is not saved yet."""
    return UsageEvent(
        **{
            "id": f"event-{next(_numbers)}",
            "sprout": sprout,
            "event_type": event_type,
            "created_at": at,
            "session_id": "a session",
        }
        | fields
    )


def make_event(sprout: Sprout, at: datetime, event_type: str = "sprout_viewed", **fields: Any) -> UsageEvent:
    made = event(sprout, at, event_type, **fields)
    made.save(force_insert=True)
    return made


def stored(sprout: Sprout, period: str = Period.ALL_TIME) -> SignalAggregation:
    return SignalAggregation.objects.get(sprout=sprout, period=period)


def stored_rows() -> dict[tuple[str, str], dict[str, Any]]:
    """Return all rows by (sprout, period), but for what is no signal."""
    rows = SignalAggregation.objects.values()
    for row in rows:
        del row["id"], row["computed_at"]
    return {(str(row.pop("sprout_id")), row.pop("period")): row for row in rows}


@pytest.fixture
def sprout(db: None) -> Sprout:
    return make_sprout()
