"""The signal catalogue: every number a rule may test, declared once.

Rules, forms, snapshots and the documentation are all driven by `SIGNALS`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Largest count that an IEEE double, and so a threshold, represents without rounding.
MAX_COUNT: Final = 2**53 - 1
# A hundred years; far beyond any tier a sprout could have stayed in.
MAX_DAYS: Final = 36_525


class Period(StrEnum):
    """The windows that signals are aggregated over, each ending at the refresh's as-of."""

    ALL_TIME = "all_time"
    LAST_30D = "last_30d"
    LAST_7D = "last_7d"


WINDOW_DAYS: Final[dict[Period, int | None]] = {
    Period.ALL_TIME: None,
    Period.LAST_30D: 30,
    Period.LAST_7D: 7,
}


class Unit(StrEnum):
    """What a signal's number counts."""

    COUNT = "count"
    DAYS = "days"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class Signal:
    """A named number that a criterion may test.

    `column` is the column of `signal_aggregations` that holds it; `None` marks the one signal that
    is taken from the sprout itself. `low` and `high` bound both the values and the thresholds.
    """

    name: str
    column: str | None
    unit: Unit
    high: float
    description: str
    low: float = 0.0
    # utilityScore is stored as -1 … 1 and tested as 0 … 1: value = (stored + 1) / 2.
    halved: bool = False

    @property
    def integral(self) -> bool:
        """Whether only whole numbers occur."""
        return self.unit is not Unit.SCORE and self.column is not None


def _count(name: str, column: str, description: str) -> Signal:
    return Signal(name, column, Unit.COUNT, MAX_COUNT, description)


_CATALOGUE: Final = (
    _count("retrievals", "retrieval_count", "Times the sprout was retrieved as context"),
    _count("citations", "reference_count", "Times another sprout or document referred to it"),
    Signal(
        "queryDiversity", "diversity_index", Unit.SCORE, 1.0,
        "How varied its sessions, lenses and hubs are, from 0 to 1",
    ),
    Signal(
        "utilityScore", "utility_score", Unit.SCORE, 1.0,
        "Balance of up-votes and down-votes, from 0 (all down) through 0.5 (none) to 1 (all up)",
        halved=True,
    ),
    _count("views", "view_count", "Times it was viewed"),
    _count("searchAppearances", "search_appearances", "Times it appeared in search results"),
    _count("upvotes", "upvotes", "Times it was voted up"),
    _count("downvotes", "downvotes", "Times it was voted down"),
    _count("exports", "export_count", "Times it was exported"),
    _count("promotions", "promotion_count", "Times it was promoted"),
    _count("refinements", "refinement_count", "Times it was refined"),
    _count("uniqueSessions", "unique_sessions", "Distinct sessions that used it"),
    _count("uniqueUsers", "unique_users", "Distinct signed-in users that used it"),
    _count("uniqueLenses", "unique_lenses", "Distinct lenses it was used through"),
    _count("uniqueHubs", "unique_hubs", "Distinct hubs it was used in"),
    _count("uniqueQueries", "unique_queries", "Distinct queries that led to it"),
    Signal(
        "daysActive", "days_active", Unit.DAYS, MAX_DAYS,
        "Whole days from its first to its last use, plus one; 0 without use",
    ),
    Signal(
        "qualityScore", "quality_score", Unit.SCORE, 1.0,
        "Views, utility, diversity and span of use weighed together, from 0 to 1",
    ),
    Signal(
        "daysInTier", None, Unit.DAYS, MAX_DAYS,
        "Days, with fractions, since it entered its tier; the same in every period",
    ),
)  # fmt: skip

SIGNALS: Final[dict[str, Signal]] = {signal.name: signal for signal in _CATALOGUE}
