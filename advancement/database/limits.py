"""Limits that keep a worker that was stopped from holding locks for long, and others from waiting for it."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connections

# Shares of a lease: whoever waits for somebody who was stopped outlasts him.
_IDLE: Final = 0.5
_WAIT: Final = 0.75


def limit_idling(using: str = "default") -> None:
    """Let PostgreSQL end the present transaction when it stands idle for half of a lease.

    SQLite has no such limit: there everybody waits for whoever writes.
    """
    _limit("idle_in_transaction_session_timeout", _IDLE, using)


def limit_waiting(using: str = "default", most: timedelta | None = None) -> None:
    """Let PostgreSQL refuse a lock that is not to be had within three quarters of a lease, or within `most`.

    For the present transaction. On SQLite the settings limit how long everybody waits.
    """
    _limit("lock_timeout", _WAIT, using, most)


def _limit(name: str, share_of_lease: float, using: str, most: timedelta | None = None) -> None:
    if connections[using].vendor != "postgresql":
        return
    limit = most or settings.ADVANCEMENT_LEASE * share_of_lease
    milliseconds = int(limit.total_seconds() * 1000)
    with connections[using].cursor() as cursor:
        cursor.execute(f"SET LOCAL {name} = {milliseconds}")
