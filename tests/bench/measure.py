"""Plan and apply against the floor, on fresh copies of one planted database."""

import argparse
import contextlib
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from rich.console import Console
from rich.table import Table

from advancement.models import AdvancementEvent
from advancement.models.runs import RunTrigger
from advancement.runs.start import RunRequest, start_run
from advancement.runs.work import work_on
from tests.bench import planting
from tests.bench.floor import run_floor

BASE, COPY = "grove_bench_base", "grove_bench_copy"
TIERS = tuple(tier for tiers in planting.MODELS.values() for tier in tiers)


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


@contextlib.contextmanager
def planted(sprouts: int, share: float) -> Iterator[Callable[[], None]]:
    """Plant a grove; yields a function that makes a fresh copy and connects to it."""
    maintenance = connection.settings_dict["NAME"]
    directory = Path(tempfile.mkdtemp(prefix="grove-bench-"))
    sqlite = connection.vendor == "sqlite"
    drop = (f"DROP DATABASE IF EXISTS {COPY}", f"DROP DATABASE IF EXISTS {BASE}")

    def execute(*statements: str) -> None:
        _use(maintenance)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fresh() -> None:
        if sqlite:
            _use(str(directory / COPY))
            for leftover in directory.glob(f"{COPY}*"):
                leftover.unlink()
            shutil.copyfile(directory / BASE, directory / COPY)
        else:
            execute(drop[0], f"CREATE DATABASE {COPY} TEMPLATE {BASE}", "CHECKPOINT")
            _use(COPY)

    if not sqlite:
        execute(*drop, f"CREATE DATABASE {BASE}")
    _use(str(directory / BASE) if sqlite else BASE)
    connection.close()
    # In a process of its own, so that what planting needs does not count as the engine's memory.
    planting = multiprocessing.get_context("fork").Process(target=_plant, args=(sprouts, share))
    planting.start()
    planting.join()
    assert planting.exitcode == 0
    try:
        yield fresh
    finally:
        if not sqlite:
            execute(*drop)
        _use(maintenance)
        shutil.rmtree(directory)


def _plant(sprouts: int, share: float) -> None:
    call_command("migrate", verbosity=0)
    planting.plant(sprouts, share)
    connection.close()


def timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    moved = work()
    return time.perf_counter() - start, moved


def run_engine(batch_size: int) -> int:
    """Do what `run_advancement` does."""
    run = start_run(RunRequest(from_tiers=TIERS, batch_size=batch_size), trigger=RunTrigger.COMMAND)
    finished = work_on(run.pk, run.lease_token)
    assert finished.status == "succeeded", finished.error
    return finished.advanced


def measure(sprouts: int, share: float, batch_sizes: list[int], rounds: int) -> Table:
    table = Table(title=f"{connection.vendor}: {sprouts:,} sprouts, {share:.0%} advancing, {rounds} rounds")
    for heading in ("moves per batch", "floor s", "plan and apply s", "ratio (min – max)"):
        table.add_column(heading, justify="right")
    floors: list[float] = []
    runs: dict[int, list[float]] = {size: [] for size in batch_sizes}
    rules = planting.rules(share)
    with planted(sprouts, share) as fresh:
        for _ in range(rounds):
            fresh()
            AdvancementEvent.objects.exists()
            seconds, expected = timed(lambda: run_floor(rules))
            floors.append(seconds)
            for size in batch_sizes:
                fresh()
                AdvancementEvent.objects.exists()
                seconds, moved = timed(lambda size=size: run_engine(size))
                assert moved == expected, f"{moved} advanced, the floor moved {expected}"
                runs[size].append(seconds)
    for size, figures in runs.items():
        ratios = [figure / floor for figure, floor in zip(figures, floors, strict=True)]
        table.add_row(
            f"{size:,}",
            f"{statistics.median(floors):.2f}",
            f"{statistics.median(figures):.2f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.1, help="share of the sprouts that advance")
    parser.add_argument("--batch-size", type=int, action="append", help="default: 100 and 1,000")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console(width=100)
    console.print(measure(options.sprouts, options.share, options.batch_size or [100, 1000], options.rounds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Peak memory of this process: {peak:.0f} MB")
