"""The aggregation in plain Python, one sprout and period at a time: what the statements must agree with."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from advancement.criteria.signals import WINDOW_DAYS, Period
from advancement.models import UsageEvent

TYPES = {
    "view_count": "sprout_viewed",
    "retrieval_count": "sprout_retrieved",
    "reference_count": "sprout_referenced",
    "search_appearances": "sprout_searched",
    "export_count": "sprout_exported",
    "promotion_count": "sprout_promoted",
    "refinement_count": "sprout_refined",
}


def rounded(value: float) -> float:
    """Four decimals, halves up."""
    return (math.trunc(value * 10000 + 10000.5) - 10000) / 10000


def signals(events: Sequence[UsageEvent], period: Period, as_of: datetime) -> dict[str, Any]:
    """Return the row of one sprout and period, without computed_at."""
    days = WINDOW_DAYS[period]
    used = [
        e
        for e in events
        if e.created_at <= as_of and (days is None or e.created_at >= as_of - timedelta(days=days))
    ]
    times = [e.created_at for e in used]
    row: dict[str, Any] = {name: sum(e.event_type == kind for e in used) for name, kind in TYPES.items()}
    up, down = (sum(e.rating == rating for e in used) for rating in ("up", "down"))
    sessions, users, lenses, hubs, queries = (
        len({getattr(e, name) for e in used} - {""})
        for name in ("session_id", "user_id", "lens_id", "hub_id", "query_hash")
    )
    span = (max(times) - min(times)).days if times else 0
    utility = (up - down) / (up + down) if up + down else 0.0
    diversity = (min(sessions / 10, 1) + min(lenses / 5, 1) + min(hubs / 5, 1)) / 3
    views = row["view_count"]
    quality = rounded(
        0.3 * min(views / 50, 1) + 0.3 * (utility + 1) / 2 + 0.2 * diversity + 0.2 * min(span / 30, 1)
    )
    return row | {
        "upvotes": up,
        "downvotes": down,
        "unique_sessions": sessions,
        "unique_users": users,
        "unique_lenses": lenses,
        "unique_hubs": hubs,
        "unique_queries": queries,
        "days_active": span + 1 if times else 0,
        "utility_score": rounded(utility),
        "diversity_index": rounded(diversity),
        "quality_score": quality,
        "first_event_at": min(times, default=None),
        "last_event_at": max(times, default=None),
        "advancement_eligible": quality >= 0.6 and views >= 10,
    }


def expected_rows(as_of: datetime) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows by (sprout, period) that all usage events in the database make as of `as_of`."""
    events: dict[str, list[UsageEvent]] = {}
    for event in UsageEvent.objects.all():
        events.setdefault(str(event.sprout_id), []).append(event)
    return {
        (sprout, period.value): signals(of_sprout, period, as_of)
        for sprout, of_sprout in events.items()
        if any(e.created_at <= as_of for e in of_sprout)
        for period in Period
    }
