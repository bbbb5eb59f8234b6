"""SIGTERM and SIGINT of the command; workers that are stopped past their lease and wake up as zombies."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from tests.faults import copies, points
from tests.faults.children import Child, in_child
from tests.faults.grove import BATCH, TIERS
from tests.faults.points import AFTER, BEFORE, COMMIT, Place
from tests.faults.standing import somebody_waits
from tests.faults.verdict import Fault, Stage, let_time_pass, something_lies, take_up
from tests.faults.waiting import wait_until
from tests.faults.works import DUE_CRON, WORKS, Work
from tests.postgres import end_with_parent
from tests.processes import ROOT, environment

ASKED_KIND, ZOMBIE_KIND = "SIGTERM or SIGINT of the command", "SIGSTOP past the lease, then SIGCONT"

_LEASE: Final = timedelta(seconds=1)
# Locks of a stopped worker are given back after half of a lease; so long may the takeover take in all.
_TAKEOVER_SECONDS: Final = 15.0
_STARTING_UP: Final = (0.3, 0.6, 0.9)
_STOPPED_AT: Final = (
    Place("advancement.apply.batches:Applier._claim", AFTER, 2),
    Place("advancement.apply.batches:Applier._make_moves", BEFORE, 1),
    Place("advancement.apply.batches:Applier._make_moves", AFTER, 2),
    Place("advancement.runs.work:_Worker._advanced", AFTER, 3),
    Place("advancement.runs.work:_Worker._apply", BEFORE, 1),
    Place("advancement.runs.work:_Worker._finish", BEFORE, 1),
    Place(COMMIT, BEFORE, 3),
    Place(COMMIT, AFTER, 3),
)
_STOPPED_PLANNING: Final = (
    ("advance", Place("advancement.evaluation.plan:_store_left_out", BEFORE, 1)),
    ("rollback", Place("advancement.rollback.plan:_store_left_out", BEFORE, 1)),
    ("schedule", Place("advancement.aggregation.refresh:_Refresh._totals", BEFORE, 1)),
)
# Between the transactions of whoever checks and imports, and in their midst.
_STOPPED_ASKED_FOR: Final = (
    ("upload", Place("advancement.importing.uploads:_end", BEFORE, 1)),
    ("upload", Place("advancement.importing.uploads:import_file", BEFORE, 2)),
    ("upload", Place("advancement.importing.uploads:_end", BEFORE, 2)),
    ("upload", Place("advancement.importing.uploads:_end", AFTER, 2)),
    ("upload-bad-rows", Place("advancement.importing.uploads:_keep_rejects", AFTER, 1)),
    ("upload-bad-rows", Place("advancement.importing.uploads:_keep_rejects", AFTER, 2)),
    ("wish", Place("advancement.runs.refreshing:refresh_signals", BEFORE, 1)),
    ("wish", Place("advancement.aggregation.refresh:_Refresh._totals", BEFORE, 1)),
    ("wish", Place("advancement.aggregation.refresh:_end_wish", AFTER, 1)),
)


def faults() -> list[Fault]:
    """Return all of these."""
    found = [
        _in_mid_batch(number, held) for number in (signal.SIGTERM, signal.SIGINT) for held in (10, 25, 40)
    ]
    found += [_while_starting(seconds) for seconds in _STARTING_UP]
    found += [_zombie(WORKS[name], place) for name in ("advance", "rollback") for place in _STOPPED_AT]
    return found + [_zombie(WORKS[name], place) for name, place in _STOPPED_PLANNING + _STOPPED_ASKED_FOR]


def _command(stage: Stage) -> "subprocess.Popen[bytes]":
    given = {
        "DATABASE_URL": copies.url(stage.database),
        "DEBUG": "1",
        "ADVANCEMENT_CRON": DUE_CRON,
        "ADVANCEMENT_BATCH_SIZE": str(BATCH),
        "ADVANCEMENT_FROM_TIERS": ",".join(TIERS),
        "ADVANCEMENT_MAX_SHARE": "1",
    }
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "run_advancement", "--scheduled"],
        cwd=ROOT,
        env=environment(**given),
        stdin=subprocess.DEVNULL,
        preexec_fn=end_with_parent(signal.SIGKILL),
        **quiet,
    )


def _in_mid_batch(number: signal.Signals, held: int) -> Fault:
    """Ask the command to end while its batch waits for one of the last sprouts."""

    def inject(stage: Stage) -> None:
        with copies.beside(stage.database) as other:
            other.execute("BEGIN")
            query = "SELECT 1 FROM sprouts ORDER BY id DESC LIMIT %s FOR NO KEY UPDATE"
            other.execute(query, [held])
            process = _command(stage)
            wait_until(lambda: somebody_waits(stage.database))
            process.send_signal(number)
        if (code := process.wait(60)) != 128 + number:
            raise RuntimeError(f"the command ended with {code}")

    return Fault(ASKED_KIND, f"{number.name} while it waits for one of {held}", WORKS["schedule"], inject)


def _while_starting(seconds: float) -> Fault:
    def inject(stage: Stage) -> None:
        process = _command(stage)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    return Fault(ASKED_KIND, f"SIGTERM after {seconds} s", WORKS["schedule"], inject)


def _zombie(work: Work, place: Place) -> Fault:
    """Stop a worker, let its run be taken over in real time, and let it go on."""

    def inject(stage: Stage) -> float:
        def stopped() -> None:
            settings.ADVANCEMENT_LEASE = _LEASE
            points.at(place, lambda _: os.kill(os.getpid(), signal.SIGSTOP))
            work.do()

        child = Child(stage.in_child(work, stopped))
        wait_until(lambda: os.waitpid(child.pid, os.WUNTRACED | os.WNOHANG)[0])
        start = time.monotonic()
        in_child(stage.in_child(work, _take_over), _TAKEOVER_SECONDS)
        seconds = time.monotonic() - start
        child.kill(signal.SIGCONT)
        child.wait()
        return seconds

    return Fault(ZOMBIE_KIND, str(place), work, inject)


def _take_over() -> None:
    settings.ADVANCEMENT_LEASE = _LEASE
    time.sleep(_LEASE.total_seconds() * 1.2)
    if not something_lies():  # it was planning, for which the lease is longer than a test may take
        let_time_pass()
    take_up()
