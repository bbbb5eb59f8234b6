"""The server crashes or ends a session while the work goes on: in mid-batch, at COMMIT, and after it."""

import os
import random
from collections.abc import Callable
from typing import Any, Final

from django.db import connection

from tests.faults import copies, points
from tests.faults.children import PATIENCE, Child
from tests.faults.points import AFTER, BEFORE, Place
from tests.faults.verdict import Fault, Stage
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS, Work

TERMINATED, RESTARTED = "session terminated by the server", "server restarted (-m immediate)"

_COMMIT: Final = "django.db.backends.postgresql.base:DatabaseWrapper._commit"
# Where the work stands still while the server does it; at the last one COMMIT succeeds and its reply is lost.
_APPLIER: Final = "advancement.apply.batches:Applier"
PLACES: Final = (
    Place(f"{_APPLIER}._claim", AFTER, 2),
    Place(f"{_APPLIER}._make_moves", BEFORE, 3),
    Place(f"{_APPLIER}._make_moves", AFTER, 1),
    Place(_COMMIT, BEFORE, 1),
    Place(_COMMIT, BEFORE, 3),
    Place(_COMMIT, BEFORE, 5),
    Place(_COMMIT, AFTER, 1),
    Place(_COMMIT, AFTER, 2),
    Place(_COMMIT, AFTER, 4),
    Place("advancement.runs.work:_Worker._update", AFTER, 3),
)
_RUNS: Final = ("advance", "schedule", "approve", "rollback")
_OTHERS: Final = ("undo", "override", "refresh", "import-usage", "import-signals", "holds")


def faults(terminations: int, restarts: int, chance: random.Random) -> list[Fault]:
    """Choose among works and places; every other termination or so is in the middle of a statement."""
    at_places = [(WORKS[name], place) for name in _RUNS for place in PLACES if _comes_to(name, place)]
    at_places += [(WORKS[name], Place(_COMMIT, moment, 1)) for name in _OTHERS for moment in (BEFORE, AFTER)]
    chance.shuffle(at_places)
    chosen = []
    for kind, count, act in (
        (TERMINATED, terminations, terminate_sessions),
        (RESTARTED, restarts, lambda _: copies.restart()),
    ):
        for number in range(count):
            work, place = at_places[number % len(at_places)]
            in_statement = number % 4 == 3
            work = WORKS[_RUNS[number // 4 % len(_RUNS)]] if in_statement else work
            chosen.append(_in_statement(kind, work, act, number) if in_statement else _at(kind, work, place, act))
    return chosen


def _comes_to(name: str, place: Place) -> bool:
    return name != "rollback" or place.number < 5


def terminate_sessions(database: str) -> None:
    """End every session on a database, as an administrator would."""
    copies.session().execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [database]
    )


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


def standing_at(stage: Stage, work: Work, place: Place, meanwhile: Callable[[], None]) -> Any:
    """Bring a child that does the work to a place, do something meanwhile, and let it go on to its end."""
    gate = Gate()

    def do() -> None:
        reply_is_lost = place.point == _COMMIT and place.moment == AFTER
        points.at(place, gate.stand_still_and_break if reply_is_lost else gate.stand_still)
        work.do()

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


def _at(kind: str, work: Work, place: Place, act: Callable[[str], None]) -> Fault:
    def inject(stage: Stage) -> None:
        standing_at(stage, work, place, lambda: act(stage.database))

    return Fault(kind, str(place), work, inject, alone=kind == RESTARTED)


def _in_statement(kind: str, work: Work, act: Callable[[str], None], number: int) -> Fault:
    """Let a batch wait for a sprout's row, so that it happens while the statement is under way."""

    def inject(stage: Stage) -> None:
        with copies.beside(stage.database) as other:
            other.execute("BEGIN")
            other.execute("SELECT 1 FROM sprouts FOR NO KEY UPDATE")
            child = Child(stage.in_child(work, work.do))
            wait_until(lambda: somebody_waits(stage.database) or child.has_ended(), PATIENCE)
            act(stage.database)
        child.wait()

    return Fault(kind, f"in the statement {number}", work, inject, alone=kind == RESTARTED)


def somebody_waits(database: str) -> bool:
    """Whether a session on the database waits for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return copies.session().execute(query, [database]).fetchone() is not None
