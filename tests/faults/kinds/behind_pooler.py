"""The same work through PgBouncer in transaction mode: undisturbed, killed, and with the pooler killed."""

import os
import random
import signal
from typing import Final

from tests.faults import points, pooler
from tests.faults.children import Child
from tests.faults.kinds.server import PLACES, terminate_sessions
from tests.faults.points import AFTER, BEFORE, COMMIT, Place
from tests.faults.standing import Gate
from tests.faults.verdict import Fault, Stage
from tests.faults.works import WORKS, Work

KIND, KILL_KIND = "through PgBouncer, nothing else", "SIGKILL of a worker behind PgBouncer"
POOLER_KIND = "PgBouncer or its sessions killed"
_WORKS: Final = (
    *("advance", "schedule", "approve", "rollback", "undo", "override", "refresh", "import-usage"),
    *("upload", "wish"),
)


def reason_to_skip() -> str:
    """Return why these faults cannot be injected here, or nothing."""
    return "" if pooler.find() else "PgBouncer is missing and could not be installed"


def faults(kills: int, chance: random.Random) -> list[Fault]:
    """Return that many kills of workers, a third as many of the pooler, and each work undisturbed."""
    found = [_undisturbed(WORKS[name]) for name in _WORKS]
    places = [(name, place) for name in ("advance", "schedule", "approve") for place in PLACES]
    places += [(name, Place(COMMIT, moment, 1)) for name in _WORKS for moment in (BEFORE, AFTER)]
    chance.shuffle(places)
    found += [_killed(WORKS[name], place) for name, place in places[:kills]]
    return found + [
        _pooler_killed(WORKS[name], place, n) for n, (name, place) in enumerate(places[: kills // 3])
    ]


def _undisturbed(work: Work) -> Fault:
    def inject(stage: Stage) -> None:
        with pooler.in_front() as bouncer:

            def do() -> None:
                bouncer.use()
                work.do()

            if error := Child(stage.in_child(work, do)).wait().error:
                raise RuntimeError(error)

    return Fault(KIND, "undisturbed", work, inject)


def _killed(work: Work, place: Place) -> Fault:
    def inject(stage: Stage) -> None:
        with pooler.in_front() as bouncer:

            def do() -> None:
                bouncer.use()
                points.at(place, lambda _: os.kill(os.getpid(), signal.SIGKILL))
                work.do()

            ended = Child(stage.in_child(work, do)).wait()
            if ended.signal != signal.SIGKILL:
                raise RuntimeError(f"it did not come to {place}: {ended}")

    return Fault(KILL_KIND, str(place), work, inject)


def _pooler_killed(work: Work, place: Place, number: int) -> Fault:
    """Kill the pooler, or every session behind it, while the worker stands at a place."""

    def inject(stage: Stage) -> None:
        gate = Gate()
        with pooler.in_front() as bouncer:

            def do() -> None:
                bouncer.use()
                points.at(place, gate.stand_still)
                work.do()

            child = Child(stage.in_child(work, do))
            gate.wait(child)
            if number % 2:
                terminate_sessions(stage.database)
            else:
                bouncer.kill()
                bouncer.start()
            gate.open()
            child.wait()
        gate.close()

    return Fault(POOLER_KIND, f"{'its sessions' if number % 2 else 'itself'} at {place}", work, inject)
