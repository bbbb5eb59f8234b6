"""The signals' formulas as SQL, giving the same IEEE doubles on PostgreSQL and SQLite.

Source of every formula: the section "Signals" of the design. Scores are computed in double precision in
the order written here and rounded to 4 decimals by truncation alone, because the databases' own ROUND
differ (numeric against double, half-even against half-up).
"""

from typing import Final

from advancement.criteria.signals import MAX_DAYS
from advancement.models.sprouts import Rating, UsageEventType

# An empty window has no first event: span 0, and none of its days were active.
_EMPTY: Final = "first_event_at IS NULL"

_TYPE_COUNTED: Final = {
    "view_count": UsageEventType.VIEWED,
    "retrieval_count": UsageEventType.RETRIEVED,
    "reference_count": UsageEventType.REFERENCED,
    "search_appearances": UsageEventType.SEARCHED,
    "export_count": UsageEventType.EXPORTED,
    "promotion_count": UsageEventType.PROMOTED,
    "refinement_count": UsageEventType.REFINED,
}
_RATING_COUNTED: Final = {"upvotes": Rating.UP, "downvotes": Rating.DOWN}
_DISTINCT_COUNTED: Final = {
    "unique_sessions": "session_id",
    "unique_users": "user_id",
    "unique_lenses": "lens_id",
    "unique_hubs": "hub_id",
    "unique_queries": "query_hash",
}


def aggregates(vendor: str) -> dict[str, str]:
    """Return the aggregate over a sprout's events `e` for each column that is counted from them."""
    # Bytewise order: the only question is whether two values are equal, and a language's order is slow.
    collate = ' COLLATE "C"' if vendor == "postgresql" else ""
    counted = {
        column: f"count(*) FILTER (WHERE e.event_type = '{kind.value}')"
        for column, kind in _TYPE_COUNTED.items()
    }
    voted = {
        column: f"count(*) FILTER (WHERE e.rating = '{rating.value}')"
        for column, rating in _RATING_COUNTED.items()
    }
    distinct = {
        column: f"count(DISTINCT e.{source}{collate}) FILTER (WHERE e.{source} <> '')"
        for column, source in _DISTINCT_COUNTED.items()
    }
    ends = {"first_event_at": "min(e.created_at)", "last_event_at": "max(e.created_at)"}
    return counted | voted | distinct | ends


def ratios(vendor: str) -> dict[str, str]:
    """Return utility and diversity, not yet rounded, and the span in whole days, over the aggregates."""
    votes = "(upvotes + downvotes)"
    diversity = " + ".join(
        [_share("unique_sessions", 10), _share("unique_lenses", 5), _share("unique_hubs", 5)]
    )
    return {
        "utility": f"CASE WHEN {votes} = 0 THEN 0.0 "
        f"ELSE CAST(upvotes - downvotes AS double precision) / {votes} END",
        "diversity": f"({diversity}) / 3.0",
        "span": f"CASE WHEN {_EMPTY} THEN 0 ELSE {_whole_days(vendor)} END",
    }


def scores(vendor: str) -> dict[str, str]:
    """Return the stored scores and days over the ratios; quality takes the ratios unrounded."""
    quality = (
        f"0.3 * {_share('view_count', 50)} + 0.3 * (utility + 1.0) / 2.0"
        f" + 0.2 * diversity + 0.2 * {_share('span', 30)}"
    )
    return {
        # The column ends at a hundred years; one event with a wild date must not stop every refresh.
        "days_active": f"CASE WHEN {_EMPTY} THEN 0 WHEN span >= {MAX_DAYS} THEN {MAX_DAYS} ELSE span + 1 END",
        "utility_score": _rounded("utility", vendor),
        "diversity_index": _rounded("diversity", vendor),
        "quality_score": _rounded(quality, vendor),
    }


ELIGIBLE: Final = "quality_score >= 0.6 AND view_count >= 10"


def _share(count: str, enough: int) -> str:
    """min(count / enough, 1), in double precision."""
    return f"(CASE WHEN {count} >= {enough} THEN 1.0 ELSE CAST({count} AS double precision) / {enough}.0 END)"


def _rounded(value: str, vendor: str) -> str:
    """Round a double from -1 on to 4 decimals, halves up; the shift keeps truncation off negative numbers."""
    shifted = f"({value}) * 10000.0 + 10000.5"
    whole = f"trunc({shifted})" if vendor == "postgresql" else f"CAST({shifted} AS INTEGER)"
    return f"({whole} - 10000) / 10000.0"


def _whole_days(vendor: str) -> str:
    """Whole 24-hour days from the first event to the last, exact to the microsecond."""
    if vendor == "postgresql":
        # The difference of two instants counts its days as 24 hours, whatever the time zone.
        return "CAST(extract(day FROM last_event_at - first_event_at) AS integer)"
    return f"({_microseconds('last_event_at')} - {_microseconds('first_event_at')}) / 86400000000"


def _microseconds(column: str) -> str:
    """SQLite keeps times as text, 'YYYY-MM-DD HH:MM:SS[.ffffff]' in UTC: microseconds since 1970."""
    seconds = f"CAST(strftime('%%s', substr({column}, 1, 19)) AS INTEGER)"
    fraction = f"CAST(substr({column} || '.000000', 21, 6) AS INTEGER)"
    return f"({seconds} * 1000000 + {fraction})"
