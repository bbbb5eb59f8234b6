"""Query expressions that Django lacks, alike on PostgreSQL and SQLite."""

from typing import Any

from django.db.models import F, FloatField, IntegerField, JSONField
from django.db.models.expressions import Combinable, Func
from django.db.models.sql.compiler import SQLCompiler

# Whole microseconds since the epoch of a time as Django stores it on SQLite. The fraction is cut off
# before strftime sees it, since strftime rounds to milliseconds.
_SQLITE_MICROSECONDS = (
    "(CAST(STRFTIME('%%%%s', SUBSTR({0}, 1, 19)) AS INTEGER) * 1000000 + CAST(SUBSTR({0}, 21, 6) AS INTEGER))"
)
_MICROSECONDS_PER_DAY = "86400000000.0"

# SQLite's JSON functions write 15 digits, which may read back as another double; 17 never do. Scores of
# up to five decimals, nearly all there are, are exact in 15 and shorter.
_SQLITE_DOUBLE = "JSON(PRINTF('%%!.17g', {0}))"
_SQLITE_SCORE = (
    "JSON(CASE WHEN {0} IS NULL OR CAST({0} * 100000.0 + 0.5 AS INTEGER) / 100000.0 = {0} THEN {0}"
    " ELSE PRINTF('%%!.17g', {0}) END)"
)


class DaysBetween(Func):
    """The days, with fractions, from one instant to a later one, as an IEEE double.

    Both databases divide the same whole number of microseconds by the same double.
    """

    output_field = FloatField()

    def __init__(self, start: Combinable, end: Combinable) -> None:
        super().__init__(start, end)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Use the interval's exact number of seconds."""
        template = (
            f"((EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint / {_MICROSECONDS_PER_DAY}::float8)"
        )
        start, end = self.get_source_expressions()
        start_sql, start_params = compiler.compile(start)
        end_sql, end_params = compiler.compile(end)
        sql = template % {"expressions": f"({end_sql}::timestamptz - {start_sql})"}
        return sql, (*end_params, *start_params)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Times are text on SQLite."""
        start, end = self.get_source_expressions()
        start_sql, start_params = compiler.compile(start)
        end_sql, end_params = compiler.compile(end)
        end_us, start_us = (
            _SQLITE_MICROSECONDS.format(sql).replace("%%%%", "%%") for sql in (end_sql, start_sql)
        )
        return f"(({end_us} - {start_us}) / {_MICROSECONDS_PER_DAY})", (
            *end_params, *end_params, *start_params, *start_params,
        )  # fmt: skip


class JsonDouble(Func):
    """A double that is not null as JSON, in digits that read back as the same double."""

    output_field = JSONField()
    template = "%(expressions)s"
    sqlite = _SQLITE_DOUBLE

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Write the digits by hand."""
        sql, params = compiler.compile(self.get_source_expressions()[0])
        return self.sqlite.format(sql), (*params,) * self.sqlite.count("{0}")


class JsonScore(JsonDouble):
    """A score, or null, as JSON in the same way; not negative."""

    sqlite = _SQLITE_SCORE


class JsonTruth(Func):
    """A condition as JSON true or false; unknown counts as false."""

    output_field = JSONField()
    template = "COALESCE(%(expressions)s, FALSE)"

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """SQLite has no booleans, so its JSON functions would write 1 and 0."""
        template = "JSON(CASE WHEN %(expressions)s THEN 'true' ELSE 'false' END)"
        return super().as_sql(compiler, connection, template=template, **extra)


class Json(Func):
    """Mark text as JSON again where SQLite forgets that it is (behind a CASE)."""

    output_field = JSONField()
    template = "%(expressions)s"

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Apply JSON(), which is free on valid JSON."""
        return super().as_sql(compiler, connection, template="JSON(%(expressions)s)", **extra)


class Reached(Func):
    """How many of some borders, in ascending order, a value has reached; the value must not be null."""

    output_field = IntegerField()

    def __init__(self, value: Combinable, borders: tuple[float, ...]) -> None:
        super().__init__(value)
        self.borders = borders

    @property
    def identity(self) -> tuple[Any, ...]:
        """Tell two of them apart by their borders as well."""
        return (*super().identity, self.borders)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Let the server search."""
        if not self.borders:
            return "0", ()
        sql, params = compiler.compile(self.get_source_expressions()[0])
        return f"WIDTH_BUCKET({sql}, %s::float8[])", (*params, list(self.borders))

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        """Search by halving."""
        sql, params = compiler.compile(self.get_source_expressions()[0])

        def halved(low: int, high: int) -> tuple[str, tuple[Any, ...]]:
            if low == high:
                return str(low), ()
            middle = (low + high) // 2
            below, below_params = halved(low, middle)
            above, above_params = halved(middle + 1, high)
            text = f"CASE WHEN {sql} < %s THEN {below} ELSE {above} END"
            return text, (*params, self.borders[middle], *below_params, *above_params)

        return halved(0, len(self.borders))


class Total(Func):
    """The sum of many terms, side by side; nested in pairs they would be too deep for SQLite's parser."""

    template = "(%(expressions)s)"
    arg_joiner = " + "


def column(relation: str, name: str) -> F:
    """Return a reference to a column behind a (filtered) relation."""
    return F(f"{relation}__{name}")
