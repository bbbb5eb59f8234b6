"""What the server itself counts of the changes to a table."""

from django.db import connections


def rows_written(table: str, using: str = "default") -> int:
    """Return how many rows were ever added to or deleted from a table on PostgreSQL, as its server counts.

    The server counts a change some seconds after its commit at the latest. 0 where it does not count.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_deleted(oid), 0)"
            " FROM (SELECT CAST(%s AS regclass) AS oid) AS named",
            [table],
        )
        return int(cursor.fetchone()[0])
