"""Sealing and verifying, after a run on a planted grove."""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.db import connection
from rich.console import Console
from rich.table import Table

from advancement.ledger import verify
from advancement.ledger.chain import check_seals
from advancement.ledger.seals import seal_finished_runs
from tests.bench.measure import planted, run_engine


def in_a_process(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that work took in a process of its own, and that one's peak memory in MB."""
    answers: multiprocessing.Queue[tuple[float, float]] = multiprocessing.get_context("fork").Queue()

    def measured() -> None:
        connection.ensure_connection()
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        answers.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    connection.close()
    process = multiprocessing.get_context("fork").Process(target=measured)
    process.start()
    answer = answers.get()
    process.join()
    return answer


def run_unsealed() -> None:
    with mock.patch("advancement.runs.work.seal_ended_runs"):
        run_engine(1000)


def seal_all() -> None:
    assert seal_finished_runs() == 1


def verify_whole() -> None:
    found = verify.verify_ledger()
    assert found.found == 0, [check.findings for check in found.checks]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench ledger", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.1, help="share of the sprouts that advance")
    options = parser.parse_args()
    table = Table(title=f"{connection.vendor}: {options.sprouts:,} sprouts, {options.share:.0%} advanced")
    for heading in ("step", "seconds", "peak MB"):
        table.add_column(heading)
    steps: dict[str, Callable[[], Any]] = {
        "plan and apply, not sealed": run_unsealed,
        "seal": seal_all,
        "nothing to seal": seal_finished_runs,
        "verify": verify_whole,
        "verify again": verify_whole,
    }
    steps |= {f"· {check.__name__}": lambda check=check: check("default") for check in verify.CHECKS}
    del steps[f"· {check_seals.__name__}"]  # it streams, which takes a transaction
    with planted(options.sprouts, options.share) as fresh:
        fresh()
        for name, work in steps.items():
            seconds, peak = in_a_process(work)
            table.add_row(name, f"{seconds:.2f}", f"{peak:.0f}")
    Console(width=100).print(table)
