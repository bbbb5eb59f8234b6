"""Try again after errors of the database that may pass by themselves."""

import logging
import time
from collections.abc import Callable
from typing import Final

from django.db import Error, InterfaceError, OperationalError, connections

logger = logging.getLogger(__name__)

# Seconds to wait before each further try.
RETRY_DELAYS: Final = (5, 15, 30)

# The server ended the session because its transaction stood idle: psycopg counts that as a defect.
_IDLE_FOR_TOO_LONG: Final = "25P03"


def may_pass(error: Error) -> bool:
    """Whether the same work may succeed later: a lost connection, a lock, a full disk, a restart."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) == _IDLE_FOR_TOO_LONG:
        return True
    # SQLite's catch-all, as in "no such table"; what may pass has a name of its own.
    if getattr(cause, "sqlite_errorname", None) == "SQLITE_ERROR":
        return False
    return isinstance(error, OperationalError | InterfaceError)


def retrying(
    step: Callable[[], None],
    standing: Callable[[], object],
    *,
    tell: Callable[[Error, int], None] = lambda error, delay: None,
    using: str = "default",
) -> None:
    """Call `step` until it succeeds, at most once more after each of the delays.

    The tries count from anew whenever `standing` shows that the last one got further than the one
    before it, so that a long run is not ended by a few errors that lie hours apart. `tell` is called with
    the error and the seconds to the next try.
    """
    delays, stood = iter(RETRY_DELAYS), standing()
    while True:
        try:
            return step()
        except Error as error:
            if interruption := interruption_behind(error):
                raise interruption from error
            if standing() != stood:
                delays, stood = iter(RETRY_DELAYS), standing()
            delay = next(delays, None) if may_pass(error) else None
            if delay is None:
                raise
            logger.warning("Database error, next try in %s s: %s", delay, first_line(error))
            tell(error, delay)
            drop_connection(using)
            time.sleep(delay)


def interruption_behind(error: BaseException) -> KeyboardInterrupt | SystemExit | None:
    """Return the wish to end that led to an error: one that comes in mid-query upsets the driver."""
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, KeyboardInterrupt | SystemExit):
            return step
        step = step.__cause__ or step.__context__
    return None


def drop_connection(using: str) -> None:
    """Close the connection, so that the next query opens a fresh one."""
    # Inside somebody else's transaction the connection is theirs to keep.
    if not connections[using].in_atomic_block:
        connections[using].close()


def first_line(error: Exception) -> str:
    """Return what an error says, without the details that drivers put below."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
