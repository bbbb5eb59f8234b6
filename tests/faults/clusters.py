"""Real task clusters on a copy of the grove, under a supervisor as docs/operations.md describes it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django_q.scheduler import scheduler

from advancement.database.setup import TICK_NAME
from advancement.models.runs import RunStatus
from tests.faults import copies
from tests.faults.children import in_child
from tests.faults.grove import BATCH, TIERS
from tests.faults.verdict import Stage
from tests.faults.waiting import wait_until
from tests.faults.works import DUE_CRON, WORKS
from tests.postgres import end_with_parent
from tests.processes import ROOT, environment

CONTROL, RUNS = "control", "runs"
LEASE_SECONDS: Final = 2
# Who sees no progress for so long restarts the clusters.
WATCHDOG_SECONDS: Final = 15.0
_START_SECONDS: Final = 60.0
# A sentinel starts its processes in this order.
ROLES: Final = ("worker", "monitor", "pusher")


class Cluster:
    """One task cluster: its main process leads a group of its own."""

    def __init__(self, name: str, database: str) -> None:
        self.name = name
        self._settings = {
            "DATABASE_URL": copies.url(database),
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "tests.faults.cluster_settings",
            "Q_CLUSTER_NAME": "" if name == CONTROL else name,
            "ADVANCEMENT_CRON": DUE_CRON,
            "ADVANCEMENT_LEASE": f"{LEASE_SECONDS}s",
            "ADVANCEMENT_BATCH_SIZE": str(BATCH),
            "ADVANCEMENT_FROM_TIERS": ",".join(TIERS),
            "ADVANCEMENT_MAX_SHARE": "1",
        }
        self.start()

    def start(self) -> None:
        """Start it."""
        self._main = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "qcluster"],
            cwd=ROOT,
            env=environment(**self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )

    def wait_until_up(self) -> None:
        """Wait until all of its processes are there."""
        wait_until(lambda: len(self.processes()) == 2 + len(ROLES), _START_SECONDS, 0.05)

    def processes(self) -> dict[str, int]:
        """Return its processes by role, as far as they are there."""
        found = {"main": self._main.pid}
        if sentinels := _children(self._main.pid):
            found["sentinel"] = sentinels[0]
            found |= dict(zip(ROLES, _children(sentinels[0]), strict=False))
        return found

    def kill(self, role: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to one of its processes, or to all of its `group`."""
        if role == "group":
            self._kill_group()
        else:
            os.kill(self.processes()[role], number)

    def has_ended(self) -> bool:
        """Whether its main process has ended, whatever it left behind."""
        return self._main.poll() is not None

    def restart(self) -> None:
        """End whatever is left of it by force, as KillMode=mixed does, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End all of it by force."""
        self._kill_group()
        self._main.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._main.pid, signal.SIGKILL)


@contextlib.contextmanager
def both(stage: Stage) -> Iterator[dict[str, Cluster]]:
    """Start both clusters and wait until they are up; they are ended afterwards."""
    clusters = {name: Cluster(name, stage.database) for name in (CONTROL, RUNS)}
    try:
        for cluster in clusters.values():
            cluster.wait_until_up()
        yield clusters
    finally:
        for cluster in clusters.values():
            cluster.stop()


def supervise(stage: Stage, clusters: dict[str, Cluster], seconds: float = 90.0) -> float:
    """Restart what ended or shows no progress until the night's run is done; return how long that took."""
    start = looked = time.monotonic()
    while not is_done(stage):
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"in {seconds:.0f} s the clusters did not finish the run")
        for cluster in clusters.values():
            if cluster.has_ended():
                cluster.restart()
        if time.monotonic() - looked > WATCHDOG_SECONDS:
            looked = time.monotonic()
            for cluster in clusters.values():
                cluster.restart()
        tick(stage)
        time.sleep(0.3)
    return time.monotonic() - start


def tick(stage: Stage) -> None:
    """Let a minute be over: wake the clusters up by the schedule, as the guard of `control` does."""
    query = "UPDATE django_q_schedule SET next_run = now() - INTERVAL '1 second' WHERE name = %s"
    with copies.beside(stage.database) as other:
        other.execute(query, [TICK_NAME])
    in_child(stage.in_child(WORKS["schedule"], scheduler))


def is_done(stage: Stage) -> bool:
    """Whether the night's run has succeeded and is sealed, which its worker or a tick does after its end."""
    with copies.beside(stage.database) as other:
        query = """
            SELECT r.status, s.run_id IS NOT NULL
            FROM advancement_runs AS r LEFT JOIN advancement_seals AS s ON s.run_id = r.id
            WHERE r.trigger = 'schedule'
        """
        return list(other.execute(query)) == [(RunStatus.SUCCEEDED, True)]


def _children(process: int) -> list[int]:
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return sorted(int(child) for child in listed.split())
