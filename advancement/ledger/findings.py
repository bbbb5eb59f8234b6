"""What a check of the ledger found: how many faults, and the first of them as sentences."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connections

LISTED: Final = 100
"""So many findings of a check are listed; all are counted."""


@dataclass(frozen=True)
class Check:
    """One statement about the ledger: of how many rows it was asked, and where it does not hold."""

    name: str
    title: str
    checked: int
    found: int
    findings: list[str]


def check_by_query(
    name: str,
    title: str,
    *,
    counting: str,
    faults: str,
    sentence: Callable[..., str],
    using: str,
) -> Check:
    """Return the check whose faults are the rows of a query; each row's values make a sentence.

    `counting` is what follows FROM in the count of the rows that are checked.
    """
    # All faults are counted, so the planner must not prefer what is quick for the first hundred.
    kept = "MATERIALIZED" if connections[using].vendor == "postgresql" else ""
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {counting}")
        (checked,) = cursor.fetchone()
        cursor.execute(
            f"WITH f AS {kept} ({faults}) SELECT COUNT(*) OVER (), f.* FROM f ORDER BY 2, 3 LIMIT {LISTED}"
        )
        rows = cursor.fetchall()
    return Check(name, title, checked, rows[0][0] if rows else 0, [sentence(*row[1:]) for row in rows])


def check_by_list(name: str, title: str, checked: int, findings: Iterable[str]) -> Check:
    """Return the check whose findings come one by one."""
    listed: list[str] = []
    found = 0
    for found, finding in enumerate(findings, 1):
        if found <= LISTED:
            listed.append(finding)
    return Check(name, title, checked, found, listed)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 event`, `2 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sprout_name(key: Any) -> str:
    """Return a sprout's id as people see it; SQLite stores it without hyphens."""
    try:
        return f"sprout {UUID(str(key))}"
    except ValueError:  # somebody wrote something else there
        return f"sprout {key}"
