"""What the database refuses for a moment: deadlocks, timeouts, cancellations, serialization failures."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tests.faults import copies
from tests.faults.children import Child
from tests.faults.points import AFTER, BEFORE, Place
from tests.faults.standing import counting_retries, somebody_waits, standing_at
from tests.faults.verdict import Fault, Stage
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS, Work

_RUNS: Final = ("advance", "schedule", "rollback")
Session = Any


def faults() -> list[Fault]:
    """Return all of these."""
    found = []
    for name in _RUNS:
        for held in (5, 20, 45):
            found += [
                _beside("deadlock", WORKS[name], held, _lock_the_run_as_well),
                _beside("lock timeout", WORKS[name], held, _wait_out, "lock_timeout = '100ms'"),
                _beside("statement cancelled", WORKS[name], held, _cancel),
            ]
    found += [_changed_under_the_plan(WORKS[name], place) for name, place in _PLANNING]
    return found + [_changed_under_a_batch(WORKS[name], number) for name in _RUNS for number in (1, 2, 3)]


def _beside(
    kind: str, work: Work, held: int, act: Callable[[Session, str], None], setting: str = "jit = off"
) -> Fault:
    """Let a batch wait for another session's lock, then act there; the worker gets by on its retries."""

    def inject(stage: Stage) -> None:
        copies.session().execute(f"ALTER DATABASE {stage.database} SET {setting}")
        with copies.beside(stage.database) as other:
            other.execute("SET deadlock_timeout = '1min'; SET lock_timeout = 0")
            other.execute("BEGIN")
            query = "SELECT 1 FROM sprouts ORDER BY id DESC LIMIT %s FOR NO KEY UPDATE"
            other.execute(query, [held])
            child = Child(stage.in_child(work, lambda: counting_retries(work)))
            wait_until(lambda: somebody_waits(stage.database))
            act(other, stage.database)
            other.execute("ROLLBACK")
        if not child.wait().value:
            raise RuntimeError("the worker met no error")

    return Fault(kind, f"one of {held}", work, inject)


def _lock_the_run_as_well(other: Session, _database: str) -> None:
    # The worker has waited for longer and is the one that the server ends.
    other.execute("SELECT 1 FROM advancement_runs WHERE status = 'applying' FOR UPDATE")


def _wait_out(_other: Session, _database: str) -> None:
    time.sleep(0.25)


def _cancel(_other: Session, database: str) -> None:
    query = (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    )
    copies.session().execute(query, [database])


_PLANNING: Final = (
    ("advance", Place("advancement.evaluation.plan:_store_moves", BEFORE, 1)),
    ("advance", Place("advancement.evaluation.plan:publish_plan", BEFORE, 1)),
    ("schedule", Place("advancement.evaluation.plan:_store_left_out", AFTER, 1)),
    ("rollback", Place("advancement.rollback.plan:publish_plan", BEFORE, 1)),
    ("undo", Place("advancement.rollback.plan:_store_moves", AFTER, 1)),
)
_SERIALIZATION: Final = "serialization failure (40001)"


def _stand_and_retry(stage: Stage, work: Work, place: Place, touch: Callable[[Stage], None]) -> None:
    counted = replace(work, do=lambda: counting_retries(work))
    if not standing_at(stage, counted, place, lambda: touch(stage)).value:
        raise RuntimeError("the worker met no error")


def _changed_under_the_plan(work: Work, place: Place) -> Fault:
    """Update the run's row after the plan took its snapshot, so that it cannot be published."""

    def touch(stage: Stage) -> None:
        with copies.beside(stage.database) as other:
            other.execute("UPDATE advancement_runs SET log_url = log_url WHERE status = 'planning'")

    def inject(stage: Stage) -> None:
        _stand_and_retry(stage, work, place, touch)

    return Fault(_SERIALIZATION, str(place), work, inject)


def _changed_under_a_batch(work: Work, number: int) -> Fault:
    """Where transactions are stricter by default, update sprouts after a batch took its snapshot."""
    place = Place("advancement.apply.batches:Applier._claim", AFTER, number)

    def touch(stage: Stage) -> None:
        with copies.beside(stage.database) as other:
            other.execute("UPDATE sprouts SET title = title")

    def inject(stage: Stage) -> None:
        level = "default_transaction_isolation = 'repeatable read'"
        copies.session().execute(f"ALTER DATABASE {stage.database} SET {level}")
        _stand_and_retry(stage, work, place, touch)

    return Fault(_SERIALIZATION, str(place), work, inject)
