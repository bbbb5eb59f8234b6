"""SIGKILL at every named point, at single statements and commits, and at random instants."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator

from tests.faults import copies, points
from tests.faults.children import Child, in_child
from tests.faults.points import AFTER, BEFORE, STATEMENT, Place
from tests.faults.verdict import Fault, Stage
from tests.faults.works import WORKS, Work

KIND = "SIGKILL at a point"
INSTANT_KIND = "SIGKILL at an instant"
# Of a point that is called more often, so many calls are chosen, the first and the last among them.
MOST_CALLS = 6


def faults(count: int, instants: int, chance: random.Random) -> list[Fault]:
    """Choose kills: every point of every work in turn, and single statements for the rest."""
    named: list[Fault] = []
    statements: list[Fault] = []
    for work in WORKS.values():
        for place in places(census(work), chance):
            kind = statements if place.point == STATEMENT else named
            kind.append(kill_at(work, place))
    for kinds in (named, statements):
        chance.shuffle(kinds)
    chosen = _in_turn(named)[:count]
    chosen += statements[: count - len(chosen)]
    works = list(WORKS.values())
    at_instants = [_kill_after(works[n % len(works)], chance.uniform(0, 250)) for n in range(instants)]
    return chosen + at_instants


def census(work: Work) -> Counter[str]:
    """Return how often the work comes to each point."""

    def counted() -> Counter[str]:
        counter = points.count_calls()
        work.do()
        return counter

    with copies.copy() as name:
        return in_child(Stage(name).in_child(work, counted))


def places(calls: Counter[str], chance: random.Random) -> Iterator[Place]:
    """Yield the places at which a work can be killed."""
    for point, total in sorted(calls.items()):
        numbers = list(range(1, total + 1))
        if point != STATEMENT and total > MOST_CALLS:
            numbers = sorted({1, total, *chance.sample(numbers, MOST_CALLS - 2)})
        for number in numbers:
            yield Place(point, BEFORE, number)
            yield Place(point, AFTER, number)


def kill_at(work: Work, place: Place) -> Fault:
    """Return the fault of a worker that is killed at a place."""

    def inject(stage: Stage) -> None:
        def killed() -> None:
            points.at(place, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            work.do()

        ended = Child(stage.in_child(work, killed)).wait()
        if ended.signal != signal.SIGKILL:
            raise RuntimeError(f"it did not come to {place}: {ended}")

    return Fault(KIND, str(place), work, inject)


def _kill_after(work: Work, milliseconds: float) -> Fault:
    def inject(stage: Stage) -> None:
        def killed() -> None:
            timer = threading.Timer(milliseconds / 1000, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
            work.do()
            timer.join()

        ended = Child(stage.in_child(work, killed)).wait()
        if ended.signal != signal.SIGKILL:
            raise RuntimeError(f"it was not killed: {ended}")

    return Fault(INSTANT_KIND, f"after {milliseconds:.1f} ms", work, inject)


def _in_turn(faults_: list[Fault]) -> list[Fault]:
    """Order faults so that each point has its turn before any has its second."""
    seen: Counter[str] = Counter()
    turns = []
    for fault in faults_:
        point = fault.name.partition(":")[0]
        seen[point] += 1
        turns.append((seen[point], fault))
    return [fault for _, fault in sorted(turns, key=lambda turn: turn[0])]
