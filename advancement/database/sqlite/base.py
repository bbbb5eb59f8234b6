"""The connection to SQLite. Django finds it by the name of this module."""

import sqlite3
from functools import partial
from time import monotonic, sleep
from typing import Any, Final

from django.db.backends.sqlite3 import base

from advancement.database.busy import is_busy

_PAUSE: Final = 0.0005


class Cursor(base.SQLiteCursorWrapper):
    """Asks again while others are writing, as often as `patience` in seconds allows.

    SQLite's own wait is not used, for two reasons. It grows to a tenth of a second: a run that writes batch
    after batch leaves its place for less than a millisecond between two of them, so that who waits like that
    may wait until the run has ended. And it keeps the connection locked: when the thread that is writing
    collects a cursor of the waiting connection as garbage, both stand still until the wait is over.
    """

    def __init__(self, connection: sqlite3.Connection, patience: float) -> None:
        super().__init__(connection)
        self.patience = patience

    def execute(self, query: Any, params: Any = None) -> Any:
        """Execute a statement; raise sqlite3.OperationalError when the database was busy for too long."""
        until = monotonic() + self.patience
        while True:
            try:
                return super().execute(query, params)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or monotonic() > until:
                    raise
            sleep(_PAUSE)


class DatabaseWrapper(base.DatabaseWrapper):
    """Waits for the writer's place for `timeout` seconds, as Django does, but in the manner of `Cursor`."""

    def init_connection_state(self) -> None:
        """Take over the waiting once the connection is set up."""
        super().init_connection_state()
        self.connection.execute("PRAGMA busy_timeout = 0")

    def create_cursor(self, name: str | None = None) -> Cursor:
        """Return a cursor that waits."""
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        made: Cursor = self.connection.cursor(factory=partial(Cursor, patience=patience))
        return made
