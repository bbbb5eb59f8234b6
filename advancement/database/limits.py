"""Limits that keep a worker that was stopped from holding locks for long."""

from django.conf import settings
from django.db import connections


def limit_idling(using: str = "default") -> None:
    """Let PostgreSQL end the present transaction when it stands idle for half of a lease.

    SQLite has no such limit: there everybody waits for whoever writes.
    """
    if connections[using].vendor == "postgresql":
        milliseconds = int(settings.ADVANCEMENT_LEASE.total_seconds() * 500)
        with connections[using].cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}")
