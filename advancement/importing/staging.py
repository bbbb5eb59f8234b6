"""The temporary table that a file goes through, so that checks and merging are a few set-based statements."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE: Final = "import_rows"

_SQLITE_BATCH: Final = 2000
_POSTGRESQL_TYPES: Final = {
    "uuid": "uuid",
    "text": "text",
    "time": "timestamptz",
    "integer": "bigint",
    "score": "double precision",
    "boolean": "boolean",
}
# As Django declares them, so that values are stored and compared the same way.
_SQLITE_TYPES: Final = {
    "uuid": "char(32)",
    "text": "text",
    "time": "datetime",
    "integer": "bigint",
    "score": "real",
    "boolean": "bool",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the staging table; `kind` is uuid, text, time, integer, score or boolean."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Check:
    """A set-based check: `problem` is the SQL of the sentence, `where` that of what is wrong.

    Both may use `r`, the staged row.
    """

    problem: str
    where: str


class Staging:
    """Rows of one file by line: their values, or the problem that keeps them out.

    `repeats` is the first line with the same key. `raw` is only filled when bad rows are to be handed
    back; it is bytes, because a bad row may hold what text in the database cannot.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, columns: Sequence[Column], key: Sequence[str]
    ) -> None:
        self.connection = connection
        self.postgresql = connection.vendor == "postgresql"
        self.columns = columns
        self.names = [column.name for column in columns]
        self._key = key

    def create(self) -> None:
        """Create the empty table; on PostgreSQL it goes with the transaction."""
        types = _POSTGRESQL_TYPES if self.postgresql else _SQLITE_TYPES
        columns = ", ".join(f"{column.name} {types[column.kind]}" for column in self.columns)
        integer, raw = ("bigint", "bytea") if self.postgresql else ("integer PRIMARY KEY", "blob")
        self.drop()
        self.execute(
            f"CREATE TEMPORARY TABLE {TABLE}"
            f" (line {integer}, problem text, raw {raw}, repeats bigint, {columns})"
            + (" ON COMMIT DROP" if self.postgresql else "")
        )

    def drop(self) -> None:
        """Drop the table if it is there."""
        self.execute(f"DROP TABLE IF EXISTS {'pg_temp' if self.postgresql else 'temp'}.{TABLE}")

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Store rows of line, problem, raw and values, as they come."""
        names = ", ".join(["line", "problem", "raw", *self.names])
        with self.connection.cursor() as cursor:
            if self.postgresql:
                with cursor.copy(f"COPY {TABLE} ({names}) FROM STDIN") as copy:
                    write = copy.write_row
                    for row in rows:
                        write(row)
            else:
                marks = ", ".join(["%s"] * (3 + len(self.names)))
                iterator = iter(rows)
                while batch := list(islice(iterator, _SQLITE_BATCH)):
                    cursor.executemany(f"INSERT INTO {TABLE} ({names}) VALUES ({marks})", batch)
        if self.postgresql:
            self.execute(f"ANALYZE {TABLE}")

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> int:
        """Execute a statement and return the number of rows that it touched."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def number(self, sql: str) -> int:
        """Return the one number that a query yields."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.fetchone()[0])

    def apply(self, checks: Iterable[Check]) -> None:
        """Note each check's problem on the rows that it finds wrong and that have none yet."""
        for check in checks:
            self.execute(
                f"UPDATE {TABLE} AS r SET problem = {check.problem} WHERE problem IS NULL AND {check.where}"
            )

    def find_repeats(self) -> None:
        """Note on each row whose key came before the line where it did; refuse keys with differing rows."""
        key = ", ".join(self._key)
        same_key = " AND ".join(f"r.{name} = f.{name}" for name in self._key)
        found = self.execute(
            f"UPDATE {TABLE} AS r SET repeats = f.line FROM (SELECT {key}, MIN(line) AS line FROM {TABLE}"
            f" WHERE problem IS NULL GROUP BY {key} HAVING COUNT(*) > 1) AS f"
            f" WHERE {same_key} AND r.line > f.line AND r.problem IS NULL"
        )
        if not found:
            return
        what = " and ".join(self._key)
        self.execute(
            f"UPDATE {TABLE} AS r SET problem = 'this repeats the {what} of line ' || r.repeats ||"
            f" ' with other values; keep one of them' FROM {TABLE} AS f"
            f" WHERE f.line = r.repeats AND {self.differ('r', 'f', self.names)}"
        )
        # Nobody can tell which of them is right, so every row of that key is out.
        self.execute(
            f"UPDATE {TABLE} AS r SET problem = 'line ' || c.line || ' repeats this {what} with other values;"
            f" keep one of them' FROM (SELECT repeats, MIN(line) AS line FROM {TABLE}"
            " WHERE repeats IS NOT NULL AND problem IS NOT NULL GROUP BY repeats) AS c"
            " WHERE r.problem IS NULL AND COALESCE(r.repeats, r.line) = c.repeats"
        )

    def differ(self, left: str, right: str, names: Iterable[str]) -> str:
        """Return the condition that one of the columns differs; null equals null."""
        operator = "IS DISTINCT FROM" if self.postgresql else "IS NOT"
        return "(" + " OR ".join(f"{left}.{name} {operator} {right}.{name}" for name in names) + ")"

    def uuid_text(self, column: str) -> str:
        """Return the expression of a UUID as people write it."""
        if self.postgresql:
            return f"{column}::text"
        parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        return " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in parts)

    def rejected(self) -> int:
        """Return how many rows have a problem."""
        return self.number(f"SELECT COUNT(*) FROM {TABLE} WHERE problem IS NOT NULL")

    def repeated(self) -> int:
        """Return how many good rows only repeat an earlier one."""
        return self.number(f"SELECT COUNT(*) FROM {TABLE} WHERE problem IS NULL AND repeats IS NOT NULL")

    def problems(self, limit: int) -> list[tuple[int, str]]:
        """Return lines and problems of the first bad rows."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT line, problem FROM {TABLE} WHERE problem IS NOT NULL ORDER BY line LIMIT {limit:d}"
            )
            return list(cursor.fetchall())

    def rejects(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield line, problem and text of every bad row, in the order of lines."""
        with self.connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT line, problem, raw FROM {TABLE} WHERE problem IS NOT NULL ORDER BY line")
            while rows := cursor.fetchmany(20):
                for line, problem, raw in rows:
                    yield line, problem, bytes(raw)


# What is left to merge: one row for each key.
GOOD: Final = "r.problem IS NULL AND r.repeats IS NULL"
