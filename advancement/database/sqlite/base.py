"""The connection to SQLite. Django finds it by the name of this module."""

from time import monotonic, sleep
from typing import Final

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from advancement.database.busy import is_busy

_PAUSE: Final = 0.0005


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks for the writer's place often instead of ever less often, for as long as `timeout` allows.

    SQLite's own wait grows to a tenth of a second. A run that writes batch after batch leaves its place for
    less than a millisecond between two of them, so that who waits like that may wait until the run has ended.
    """

    def _start_transaction_under_autocommit(self) -> None:
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        until = monotonic() + patience
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    super()._start_transaction_under_autocommit()  # type: ignore[misc]
                    return
                except OperationalError as error:
                    if not is_busy(error) or monotonic() > until:
                        raise
                sleep(_PAUSE)
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
