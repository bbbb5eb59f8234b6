"""The database's own clock: the one clock that every process agrees on."""

from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.models import DateTimeField
from django.db.models.expressions import Func
from django.db.models.sql.compiler import SQLCompiler


class ClockTimestamp(Func):
    """The present instant by the database's clock, also inside a transaction."""

    function = "clock_timestamp"
    output_field = DateTimeField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """SQLite runs in this process: its clock, in the format in which Django stores times."""
        return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", ()


def database_now(using: str = "default") -> datetime:
    """Return the present instant by the database's clock, in UTC."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)
