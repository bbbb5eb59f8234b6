"""Several queries that all see the same state of the database."""

import contextlib
from collections.abc import Iterator

from django.db import connections, transaction


@contextlib.contextmanager
def one_snapshot(using: str = "default") -> Iterator[None]:
    """Read in one snapshot and keep nobody from writing; inside a transaction, in that one as it is."""
    connection = connections[using]
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # Django finds this out in a transaction of its own, which cannot be begun within another.
        assert connection.features.supports_json_field
        # Django's own transactions would lock SQLite's file against writers.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
