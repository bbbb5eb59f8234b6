"""Children that stand still at a place until the parent has done something."""

import os
from collections.abc import Callable
from typing import Any

from django.db import connection

from tests.faults import copies, points
from tests.faults.children import PATIENCE, Child, Ended
from tests.faults.points import AFTER, COMMIT, Place
from tests.faults.verdict import Stage
from tests.faults.waiting import wait_until
from tests.faults.works import Work


class Gate:
    """A place in a child at which it stands still until the parent lets it go on."""

    def __init__(self) -> None:
        self._arrived, self._arrive = os.pipe()
        self._opened, self._open = os.pipe()

    def stand_still(self, _: Any = None) -> None:
        """In the child: report and wait."""
        os.write(self._arrive, b".")
        os.read(self._opened, 1)

    def stand_still_and_break(self, _: Any = None) -> None:
        """In the child: as if the reply to what succeeded had been lost with the connection."""
        self.stand_still()
        with connection.wrap_database_errors:
            connection.connection.execute("SELECT 1")

    def wait(self, child: Child) -> None:
        """In the parent: wait until the child has come to the place."""
        os.set_blocking(self._arrived, False)
        wait_until(lambda: _read(self._arrived) or child.has_ended(), PATIENCE)
        if child.has_ended():
            raise RuntimeError(f"it did not come to the place: {child.wait()}")

    def open(self) -> None:
        """In the parent: let the child go on."""
        os.write(self._open, b".")

    def close(self) -> None:
        """In the parent: give the pipes back."""
        for end in (self._arrived, self._arrive, self._opened, self._open):
            os.close(end)


def _read(end: int) -> bytes:
    try:
        return os.read(end, 1)
    except BlockingIOError:
        return b""


def standing_at(stage: Stage, work: Work, place: Place, meanwhile: Callable[[], None]) -> Ended:
    """Bring a child that does the work to a place, do something meanwhile, and let it go on to its end."""
    gate = Gate()

    def do() -> object:
        reply_is_lost = place.point == COMMIT and place.moment == AFTER
        points.at(place, gate.stand_still_and_break if reply_is_lost else gate.stand_still)
        return work.do()

    try:
        child = Child(stage.in_child(work, do))
        gate.wait(child)
        try:
            meanwhile()
        finally:
            gate.open()
            # What it could not do by its own retries is for the recovery.
            ended = child.wait()
    finally:
        gate.close()
    return ended


def somebody_waits(database: str) -> bool:
    """Whether a session on the database waits for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return copies.session().execute(query, [database]).fetchone() is not None


def counting_retries(work: Work) -> int:
    """In a child: do the work and return how often an error of the database was looked at."""
    errors = [0]

    def count(function: Any, arguments: Any, keywords: Any) -> Any:
        errors[0] += 1
        return function(*arguments, **keywords)

    points.wrap("advancement.runs.retry:may_pass", count)
    work.do()
    return errors[0]
