"""Constraints that several tables share."""

from collections.abc import Iterable
from typing import Final

from django.db.models import CheckConstraint, Q

# What the integer columns of PostgreSQL hold; SQLite would take anything, text included.
MAX_INTEGER: Final = 2**31 - 1
MAX_SMALL_INTEGER: Final = 2**15 - 1


def in_range(table: str, column: str, low: float, high: float) -> CheckConstraint:
    """Refuse numbers outside `low` … `high`, and with them NaN, ±inf and, on SQLite, text."""
    return CheckConstraint(
        name=f"{table}_{column}_in_range",
        condition=Q(**{f"{column}__gte": low, f"{column}__lte": high}),
    )


def one_of(table: str, column: str, values: Iterable[str]) -> CheckConstraint:
    """Refuse every value that is not in the list."""
    return CheckConstraint(name=f"{table}_{column}_known", condition=Q(**{f"{column}__in": list(values)}))


def not_empty(table: str, column: str) -> CheckConstraint:
    """Refuse empty text."""
    return CheckConstraint(name=f"{table}_{column}_not_empty", condition=~Q(**{column: ""}))
