"""Plan and apply, and rollback, against their floors, on fresh copies of one planted database."""

import argparse
import contextlib
import functools
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

from advancement.models import AdvancementEvent, Run
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.bench import planting
from tests.bench.floor import run_floor
from tests.bench.rollback_floor import run_rollback_floor

BASE, COPY = "grove_bench_base", "grove_bench_copy"
TIERS = tuple(tier for tiers in planting.MODELS.values() for tier in tiers)


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


@contextlib.contextmanager
def planted(
    sprouts: int, share: float, *, advanced: bool = False, crowd: float = 0.0
) -> Iterator[Callable[[], None]]:
    """Plant a grove, on request with a run applied; yields what makes a fresh copy and connects to it."""
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
    planting = multiprocessing.get_context("fork").Process(
        target=_plant, args=(sprouts, share, advanced, crowd)
    )
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


def _plant(sprouts: int, share: float, advanced: bool, crowd: float) -> None:
    call_command("migrate", verbosity=0)
    planting.plant(sprouts, share, crowd=crowd)
    if advanced:
        run_engine(1000)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    connection.close()


def run_engine(batch_size: int) -> Run:
    """Do what `run_advancement` does, and return the run that was done."""
    run = start_run(RunRequest(from_tiers=TIERS, batch_size=batch_size), trigger=RunTrigger.COMMAND)
    finished = work_on(run.pk, run.lease_token)
    assert finished.status == "succeeded", finished.error
    return finished


def run_rollback(run: int, batch_size: int) -> Run:
    """Do what `rollback_advancements --run` does."""
    request = RollbackRequest(reason="bench", requested_by="bench", run=run)
    rollback = start_rollback(request, trigger=RunTrigger.COMMAND)
    Run.objects.filter(pk=rollback.pk).update(batch_size=batch_size)
    finished = work_on(rollback.pk, rollback.lease_token)
    assert finished.status == "succeeded", finished.error
    return finished


def measure_rollback(sprouts: int, share: float, batch_sizes: list[int], rounds: int) -> Table:
    title = f"{connection.vendor}: rollback of {share:.0%} of {sprouts:,} sprouts, {rounds} rounds"
    with planted(sprouts, share, advanced=True) as fresh:
        return _compare(
            title,
            "rollback s",
            fresh,
            lambda: run_rollback_floor(1),
            batch_sizes,
            rounds,
            lambda size: run_rollback(1, size),
        )


def measure(sprouts: int, share: float, batch_sizes: list[int], rounds: int) -> Table:
    title = f"{connection.vendor}: {sprouts:,} sprouts, {share:.0%} advancing, {rounds} rounds"
    rules = planting.rules(share)
    with planted(sprouts, share) as fresh:
        floor = functools.partial(run_floor, rules)
        return _compare(title, "plan and apply s", fresh, floor, batch_sizes, rounds, run_engine)


def _compare(
    title: str,
    heading: str,
    fresh: Callable[[], None],
    floor: Callable[[], int],
    batch_sizes: list[int],
    rounds: int,
    engine: Callable[[int], Run],
) -> Table:
    """Time the floor and the engine with each batch size in turn, each on a fresh copy.

    A run's time is that to its success; what follows is its seal, which is shown beside it.
    """
    floors: list[float] = []
    runs: dict[int, list[tuple[float, float]]] = {size: [] for size in batch_sizes}
    for _ in range(rounds):
        fresh()
        AdvancementEvent.objects.exists()
        start = time.perf_counter()
        expected = floor()
        floors.append(time.perf_counter() - start)
        for size in batch_sizes:
            fresh()
            AdvancementEvent.objects.exists()
            start = time.perf_counter()
            run = engine(size)
            whole = time.perf_counter() - start
            assert run.advanced == expected, f"{run.advanced} moved, the floor moved {expected}"
            assert run.started_at
            assert run.finished_at
            seconds = (run.finished_at - run.started_at).total_seconds()
            runs[size].append((seconds, whole - seconds))
    return _table(title, heading, floors, runs)


def _table(
    title: str, heading: str, floors: list[float], runs: dict[int, list[tuple[float, float]]]
) -> Table:
    table = Table(title=title)
    for column in ("moves per batch", "floor s", heading, "ratio (min – max)", "seal s"):
        table.add_column(column, justify="right")
    for size, figures in runs.items():
        ratios = [seconds / floor for (seconds, _), floor in zip(figures, floors, strict=True)]
        table.add_row(
            f"{size:,}",
            f"{statistics.median(floors):.2f}",
            f"{statistics.median(seconds for seconds, _ in figures):.2f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})",
            f"{statistics.median(rest for _, rest in figures):.2f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.1, help="share of the sprouts that advance")
    parser.add_argument("--batch-size", type=int, action="append", help="default: 100 and 1,000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rollback", action="store_true", help="measure taking those moves back instead")
    options = parser.parse_args()
    console = Console(width=100)
    measuring = measure_rollback if options.rollback else measure
    console.print(
        measuring(options.sprouts, options.share, options.batch_size or [100, 1000], options.rounds)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Peak memory of this process: {peak:.0f} MB")
