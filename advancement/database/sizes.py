"""How large tables are, without reading all of a large one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import connections

# Counting further would cost more than it tells.
_MOST_COUNTED: Final = 10_000


@dataclass(frozen=True)
class Size:
    """How many rows a table has; not `exact`, it is the database's own estimate."""

    rows: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.exact else f"about {self.rows:,}"


def table_sizes(tables: Sequence[str], *, using: str = "default") -> dict[str, Size]:
    """Return the size of each table, in two queries."""
    with connections[using].cursor() as cursor:
        counted = " UNION ALL ".join(
            f"SELECT '{table}', COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {_MOST_COUNTED + 1}) AS part"
            for table in tables
        )
        cursor.execute(counted)
        sizes = {table: Size(rows, True) for table, rows in cursor.fetchall()}
        large = [table for table, size in sizes.items() if size.rows > _MOST_COUNTED]
        if large:
            cursor.execute(_estimate(large, connections[using].vendor))
            sizes |= {table: Size(max(rows or 0, _MOST_COUNTED), False) for table, rows in cursor.fetchall()}
    return {table: sizes[table] for table in tables}


def database_size(*, using: str = "default") -> int:
    """Return how many bytes the database takes on disk."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        name = str(connection.settings_dict["NAME"])
        files = [Path(f"{name}{ending}") for ending in ("", "-wal")]
        return sum(file.stat().st_size for file in files if file.is_file())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _estimate(tables: Sequence[str], vendor: str) -> str:
    if vendor == "postgresql":
        # Counted by the last VACUUM or ANALYZE; a table that never had one says -1.
        names = ", ".join(f"('{table}')" for table in tables)
        return (
            f"SELECT name, reltuples::bigint FROM (VALUES {names}) AS asked (name) "
            "JOIN pg_class ON pg_class.oid = name::regclass"
        )
    # Rows are numbered upwards, so without deletions the last one's number is their count.
    return " UNION ALL ".join(f"SELECT '{table}', MAX(rowid) FROM {table}" for table in tables)
