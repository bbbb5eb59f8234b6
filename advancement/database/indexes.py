"""The index that finds sprouts by a part of their title, where PostgreSQL has the means for it."""

from typing import Final

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TITLE_INDEX: Final = "sprouts_by_title"

# The expression is that of Django's icontains.
_STATEMENTS: Final = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX IF NOT EXISTS {TITLE_INDEX} ON sprouts USING gin (UPPER(title::text) gin_trgm_ops)",
)


def install_title_index(connection: BaseDatabaseWrapper) -> bool:
    """Make the index of titles unless it is there, and return whether it is there now.

    Without the right to make the extension pg_trgm, or without that extension on the server, searches read
    all titles, as they always do on SQLite: slower, with the same result.
    """
    if connection.vendor != "postgresql":
        return False
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in _STATEMENTS:
                cursor.execute(statement)
    except Error:
        return has_title_index(connection)
    return True


def has_title_index(connection: BaseDatabaseWrapper) -> bool:
    """Whether searches by title use an index."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TITLE_INDEX])
        found: bool = cursor.fetchone()[0]
    return found
