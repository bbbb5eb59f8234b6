"""Plant the grove, inject the chosen faults side by side where that is safe, and print the table."""

import argparse
import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.faults import copies, report
from tests.faults.children import in_child
from tests.faults.grove import plant
from tests.faults.kinds import (
    behind_pooler,
    changes,
    clocks,
    contention,
    disk,
    in_clusters,
    kills,
    races,
    server,
    signals,
)
from tests.faults.state import State
from tests.faults.verdict import Fault, Stage, Verdict, oracle, try_out
from tests.faults.works import WORKS, Work

KILLS, INSTANTS, TERMINATIONS, RESTARTS = 1100, 50, 64, 30
FULL_DISKS, BEHIND_POOLER = 32, 36
LANES, LONGEST_MINUTES = 3, 60
_PLANTING = Work("plant", plant)


@dataclass
class _Prepared:
    """What the lanes inherit when they are forked."""

    faults: Sequence[Fault] = ()
    oracles: dict[str, State] | None = None


_prepared = _Prepared()


def main() -> int:
    """Run from the command line; return 1 when anything was lost, duplicated or orphaned."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="NAME", default="", help="faults whose name contains this")
    parser.add_argument("--scale", type=float, default=1.0, help="1: all of them; 0.1: a tenth")
    parser.add_argument("--short", action="store_true", help="only what is quick and disturbs nobody")
    options = parser.parse_args()
    start = time.monotonic()
    try:
        verdicts = inject(options.seed, options.scale, options.only, short=options.short, say=_to_stderr)
    except multiprocessing.TimeoutError:
        print(f"Not done in {LONGEST_MINUTES} minutes.", file=sys.stderr)
        return 1
    if not verdicts:
        print("No fault has such a name.", file=sys.stderr)
        return 2
    print(report.heading(options.seed, time.monotonic() - start))
    print()
    print(report.table(verdicts))
    if problems := report.failures(verdicts, options.seed):
        print(f"\n{problems}", file=sys.stderr)
    return 0 if all(verdict.well for verdict in verdicts) else 1


def inject(
    seed: int,
    scale: float,
    only: str = "",
    *,
    short: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Inject the faults of a seed and return the verdicts."""
    copies.drop_all()
    copies.make_template()
    try:
        in_child(Stage(copies.TEMPLATE).in_child(_PLANTING, _PLANTING.do))
        oracles = {work.name: oracle(work) for work in WORKS.values()}
        chance = random.Random(seed)
        chosen = _quick(scale, chance)
        if not short:
            chosen += _slow(scale, chance, say)
        chosen = [fault for fault in chosen if only in fault.full_name]
        say(f"{len(chosen):,} faults, seed {seed}")
        return list(_reported(_try(chosen, oracles), len(chosen), say))
    finally:
        copies.drop_all()


def _quick(scale: float, chance: random.Random) -> list[Fault]:
    kinds = (contention, changes, races, clocks)
    found = kills.faults(round(KILLS * scale), round(INSTANTS * scale), chance)
    return found + _some([fault for kind in kinds for fault in kind.faults()], scale, chance)


def _slow(scale: float, chance: random.Random, say: Callable[[str], None]) -> list[Fault]:
    found = _some(signals.faults(), scale, chance)
    for kind, count in ((disk, FULL_DISKS), (behind_pooler, BEHIND_POOLER)):
        if reason := kind.reason_to_skip():
            say(f"Skipped: {reason}.")
        else:
            found += kind.faults(round(count * scale), chance)
    found += in_clusters.faults(min(scale, 1), chance)
    return found + server.faults(round(TERMINATIONS * scale), round(RESTARTS * scale), chance)


def _some(faults: Sequence[Fault], scale: float, chance: random.Random) -> list[Fault]:
    return list(faults) if scale >= 1 else chance.sample(faults, round(len(faults) * scale))


def _try(faults: Sequence[Fault], oracles: dict[str, State]) -> Iterable[Verdict]:
    """Try the faults in lanes side by side, then one by one those that the others would suffer from."""
    deadline = time.monotonic() + LONGEST_MINUTES * 60
    _prepared.faults, _prepared.oracles = [fault for fault in faults if not fault.alone], oracles
    if _prepared.faults:
        with multiprocessing.get_context("fork").Pool(LANES, _end_tidily) as pool:
            verdicts = pool.imap(_try_number, range(len(_prepared.faults)))
            for _ in _prepared.faults:
                yield verdicts.next(max(0, deadline - time.monotonic()))
            # Lanes that are told to end while they take up work can miss it, and are waited for in vain.
            pool.close()
            pool.join()
    for fault in faults:
        if fault.alone:
            yield try_out(fault, oracles)


def _end_tidily() -> None:
    """Let a lane that is told to end give back what it mounted and started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _try_number(number: int) -> Verdict:
    assert _prepared.oracles is not None
    return try_out(_prepared.faults[number], _prepared.oracles)


def _reported(verdicts: Iterable[Verdict], total: int, say: Callable[[str], None]) -> Iterable[Verdict]:
    for number, verdict in enumerate(verdicts, 1):
        if not verdict.well:
            say(f"{verdict.name}: {verdict.problem}")
        if number % 50 == 0 or number == total:
            say(f"{number:,} of {total:,}")
        yield verdict


def _to_stderr(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
