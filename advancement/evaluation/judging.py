"""Ask several things of every candidate in one pass: figures over all of them, and who comes first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models.expressions import Expression

from advancement.database.statements import Fragment
from advancement.evaluation.candidates import Candidates

SHOWN: Final = 10


@dataclass(frozen=True)
class Judged:
    """Figures by name, and for each group the ids of its first sprouts."""

    figures: dict[str, int]
    keys: dict[str, list[UUID]]


def judge(
    candidates: Candidates,
    columns: Mapping[str, Expression],
    figures: Mapping[str, str],
    groups: Mapping[str, str],
    using: str,
) -> Judged:
    """Compute columns for each candidate, then sums of SQL terms over them and the members of groups.

    `columns` has one called `reach`, by which, and then by id, the members of the group `near` are
    ordered; those of other groups are ordered by id. Names and terms are the code's, never a person's.
    """
    rows = candidates.rows.annotate(**columns).values_list(candidates.key, *columns)
    fragment = Fragment.of(rows, using)
    key = candidates.key
    sums = ", ".join(f"COALESCE(SUM({term}), 0)" for term in figures.values())
    nothing = ", CAST(NULL AS bigint)" * len(figures)
    members = "".join(
        f" UNION ALL SELECT * FROM (SELECT '{name}' AS who, {key}, reach{nothing} FROM judged"
        f" WHERE {condition} ORDER BY {_order(name, key)} LIMIT {SHOWN}) AS {name}"
        for name, condition in groups.items()
    )
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"WITH judged AS MATERIALIZED ({fragment.sql})"
            f" SELECT '' AS who, NULL, NULL, {sums} FROM judged{members}",
            fragment.constants,
        )
        found = cursor.fetchall()
    totals = next(numbers for who, _, _, *numbers in found if not who)
    return Judged(
        figures={name: int(number) for name, number in zip(figures, totals, strict=True)},
        keys={name: _in_order(name, found) for name in groups},
    )


def _order(name: str, key: str) -> str:
    return f"reach, {key}" if name == "near" else key


def _in_order(name: str, found: list[tuple[Any, ...]]) -> list[UUID]:
    members = [(row[2] if name == "near" else 0.0, UUID(str(row[1]))) for row in found if row[0] == name]
    return [key for _, key in sorted(members)]
