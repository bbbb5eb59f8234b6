"""Locks that keep whole kinds of writers in single file."""

from typing import Final

from django.db import Error, connections

_SIGNALS: Final = 727446001
_SEALS: Final = 727446002
_PREVIEWS: Final = 727446003
_MODELS: Final = 727446004
_IMPORTS: Final = 727446005
_LOCK_NOT_AVAILABLE: Final = "55P03"


def lock_signals(using: str = "default") -> None:
    """Wait until no other transaction writes signals and keep others out until this one ends.

    For every writer of signals whose record states totals. To be called before it writes, so that the
    statements after it see what the other writer committed. SQLite needs nothing: its transactions
    begin by locking the database against other writers.
    """
    _lock(_SIGNALS, using)


def lock_seals(using: str = "default") -> None:
    """Wait until no other transaction adds a seal and keep others out until this one ends.

    To be called before the newest seal is read, which the next one includes.
    """
    _lock(_SEALS, using)


def lock_previews(using: str = "default") -> None:
    """Wait until no other transaction builds a cache for previews and keep others out until this one ends."""
    _lock(_PREVIEWS, using)


def lock_models(using: str = "default") -> None:
    """Wait until no other transaction names a lifecycle model and keep others out until this one ends."""
    _lock(_MODELS, using)


def lock_imports(noun: str, using: str = "default") -> None:
    """Wait until no other transaction imports what `noun` names and keep others out until this one ends.

    Two that bring the same rows would deadlock otherwise.
    """
    _lock(_IMPORTS, using, noun)


def _lock(key: int, using: str, noun: str = "") -> None:
    """Lock a key, or one of its own for each noun."""
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        if noun:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [key, noun])
        else:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def lock_refused(error: Error) -> bool:
    """Whether PostgreSQL gave up waiting for a lock; see `limits.limit_waiting`."""
    return getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE
