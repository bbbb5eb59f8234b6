"""Whether the database refused something because others were at it, so that a later try may do."""

import sqlite3
from typing import Final

_SQLITE_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# lock_not_available, query_canceled (by statement_timeout), deadlock_detected, serialization_failure,
# too_many_connections
_POSTGRES_BUSY: Final = {"55P03", "57014", "40P01", "40001", "53300"}


def is_busy(error: Exception) -> bool:
    """Whether the error of Django or of the driver means: somebody else was at it for too long."""
    cause = error.__cause__ or error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the kind; what stands above it says more about it.
        return code & 0xFF in _SQLITE_BUSY
    return getattr(cause, "sqlstate", None) in _POSTGRES_BUSY
