"""The server crashes or ends a session while the work goes on: in mid-batch, at COMMIT, and after it."""

import random
from collections.abc import Callable
from typing import Final

from tests.faults import copies
from tests.faults.children import PATIENCE, Child
from tests.faults.points import AFTER, BEFORE, COMMIT, Place
from tests.faults.standing import somebody_waits, standing_at
from tests.faults.verdict import Fault, Stage
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS, Work

TERMINATED, RESTARTED = "session terminated by the server", "server restarted (-m immediate)"

# Where the work stands still while the server does it; at the last one COMMIT succeeds and its reply is lost.
_APPLIER: Final = "advancement.apply.batches:Applier"
PLACES: Final = (
    Place(f"{_APPLIER}._claim", AFTER, 2),
    Place(f"{_APPLIER}._make_moves", BEFORE, 3),
    Place(f"{_APPLIER}._make_moves", AFTER, 1),
    Place(COMMIT, BEFORE, 1),
    Place(COMMIT, BEFORE, 3),
    Place(COMMIT, BEFORE, 5),
    Place(COMMIT, AFTER, 1),
    Place(COMMIT, AFTER, 2),
    Place(COMMIT, AFTER, 4),
    Place("advancement.runs.work:_Worker._update", AFTER, 3),
)
_RUNS: Final = ("advance", "schedule", "approve", "rollback")
_OTHERS: Final = ("undo", "override", "refresh", "import-usage", "import-signals", "holds")
# Imports and refreshes that people asked for, with how many transactions they come to.
_ASKED_FOR: Final = (("upload", 10), ("upload-bad-rows", 10), ("wish", 3))


def faults(terminations: int, restarts: int, chance: random.Random) -> list[Fault]:
    """Choose among works and places; every fourth is in the middle of a statement."""
    at_places = [(WORKS[name], place) for name in _RUNS for place in PLACES if _comes_to(name, place)]
    at_places += [(WORKS[name], Place(COMMIT, moment, 1)) for name in _OTHERS for moment in (BEFORE, AFTER)]
    at_places += [
        (WORKS[name], Place(COMMIT, moment, number))
        for name, commits in _ASKED_FOR
        for number in range(1, commits + 1)
        for moment in (BEFORE, AFTER)
    ]
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
            chosen.append(
                _in_statement(kind, work, act, number) if in_statement else _at(kind, work, place, act)
            )
    return chosen


def _comes_to(name: str, place: Place) -> bool:
    return name != "rollback" or place.number < 5


def terminate_sessions(database: str) -> None:
    """End every session on a database, as an administrator would."""
    copies.session().execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [database]
    )


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
            wait_until(lambda: somebody_waits(stage.database), PATIENCE)
            act(stage.database)
        child.wait()

    return Fault(kind, f"in the statement {number}", work, inject, alone=kind == RESTARTED)
