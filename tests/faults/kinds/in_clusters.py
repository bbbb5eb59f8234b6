"""Processes of real task clusters are killed, idle and in mid-batch, while a night is due."""

import contextlib
import random
import signal
from collections.abc import Iterator
from typing import Final

from tests.faults import copies
from tests.faults.clusters import CONTROL, RUNS, Cluster, both, supervise, tick
from tests.faults.standing import somebody_waits
from tests.faults.verdict import Fault, Stage
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS

KIND = "SIGKILL inside a task cluster"
TERM_KIND = "SIGTERM of a task cluster"
IDLE, BUSY = "idle", "busy"

_EVERY_ROLE: Final = ("worker", "monitor", "pusher", "sentinel", "main", "group")
VICTIMS: Final = (
    *((IDLE, (name,), role) for name in (CONTROL, RUNS) for role in _EVERY_ROLE),
    *((BUSY, (RUNS,), role) for role in _EVERY_ROLE),
    *((BUSY, (CONTROL,), role) for role in ("worker", "sentinel", "main")),
    *((state, (CONTROL, RUNS), "group") for state in (IDLE, BUSY)),
    (BUSY, (CONTROL, RUNS), "worker"),
)
TERMINATED: Final = ((BUSY, (RUNS,), "main"), (BUSY, (CONTROL, RUNS), "main"), (IDLE, (RUNS,), "main"))

Victim = tuple[str, tuple[str, ...], str]


def faults(share: float, chance: random.Random) -> list[Fault]:
    """Return the kills of a share of the victims."""
    killed = chance.sample(VICTIMS, round(len(VICTIMS) * share))
    terminated = TERMINATED[: round(len(TERMINATED) * share)]
    return [
        *(_fault(KIND, victim, signal.SIGKILL) for victim in killed),
        *(_fault(TERM_KIND, victim, signal.SIGTERM) for victim in terminated),
    ]


def _fault(kind: str, victim: Victim, number: int) -> Fault:
    state, names, role = victim

    def inject(stage: Stage) -> float:
        with both(stage) as clusters:
            with _busy(stage) if state == BUSY else contextlib.nullcontext():
                for name in names:
                    clusters[name].kill(role, number)
                if number == signal.SIGKILL and role == "main":
                    _wait_for_the_end([clusters[name] for name in names])
            return supervise(stage, clusters)

    def nothing_is_left_to_do() -> None:
        """The clusters have done it."""

    name = f"{state} {role} of {' and '.join(names)}"
    return Fault(kind, name, WORKS["schedule"], inject, recover=nothing_is_left_to_do)


def _wait_for_the_end(clusters: list[Cluster]) -> None:
    for cluster in clusters:
        wait_until(cluster.has_ended)


@contextlib.contextmanager
def _busy(stage: Stage) -> Iterator[None]:
    """Let the clusters begin the run and stand still in the middle of a batch meanwhile."""
    with copies.beside(stage.database) as other:
        other.execute("BEGIN")
        # The last of them, so that batches were committed before.
        other.execute("SELECT 1 FROM sprouts ORDER BY id DESC LIMIT 40 FOR NO KEY UPDATE")
        tick(stage)
        wait_until(lambda: somebody_waits(stage.database), 30)
        yield
