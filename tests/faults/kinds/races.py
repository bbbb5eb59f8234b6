"""Several at once: runs, rollbacks, schedulers, imports and refreshes beside each other."""

import time
from typing import Final

from advancement.models import AdvancementEvent, Run
from tests.faults import copies
from tests.faults.children import PATIENCE, Child
from tests.faults.points import AFTER, BEFORE, Place
from tests.faults.standing import standing_at
from tests.faults.verdict import Fault, Stage, resume_all
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS, Work, of_another

SAME_KIND, TWO_KIND = "the same work by four at once", "two runs at once"

# Where coming to it twice or at the same time makes no difference.
_IDEMPOTENT: Final = (
    "schedule",
    "refresh",
    "refresh-full",
    "import-sprouts",
    "import-usage",
    "import-signals",
    "upload",
    "upload-bad-rows",
    "wish",
)
_STANDING: Final = (
    Place("advancement.runs.work:_Worker._start_applying", BEFORE, 1),
    Place("advancement.runs.work:_Worker._start_applying", AFTER, 1),
    Place("advancement.apply.batches:Applier._make_moves", AFTER, 2),
    Place("advancement.runs.work:_Worker._finish", BEFORE, 1),
)
_PAIRS: Final = (
    ("advance", "advance"),
    ("rollback", "rollback"),
    ("advance", "rollback"),
    ("rollback", "advance"),
)


def faults() -> list[Fault]:
    """Return all of these."""
    found = [_four_at_once(WORKS[name], number) for name in _IDEMPOTENT for number in range(2)]
    return found + [_two(*pair, place) for pair in _PAIRS for place in _STANDING]


def _four_at_once(work: Work, number: int) -> Fault:
    def inject(stage: Stage) -> None:
        start = time.monotonic() + 0.3

        def begin_together() -> None:
            time.sleep(max(0, start - time.monotonic()))
            work.do()

        children = [Child(stage.in_child(work, begin_together)) for _ in range(4)]
        if failed := [ended.error for child in children if (ended := child.wait()).error]:
            raise RuntimeError(failed[0])

    return Fault(SAME_KIND, f"time {number}", work, inject)


def _two(first: str, second: str, place: Place) -> Fault:
    """Let one stand still while another one comes; both end, and every sprout moved by turns."""
    work, other = WORKS[first], of_another(WORKS[second])

    def inject(stage: Stage) -> None:
        children: list[Child] = []

        def come() -> None:
            child = Child(stage.in_child(other, other.do))
            children.append(child)
            wait_until(lambda: child.has_ended() or _has_planned(stage), PATIENCE, 0.02)
            time.sleep(0.1)

        standing_at(stage, work, place, come)
        for child in children:
            child.wait()

    def again() -> None:
        resume_all()
        work.do()
        other.do()

    return Fault(TWO_KIND, f"{second} comes at {place}", work, inject, _both_ended, again)


def _has_planned(stage: Stage) -> bool:
    with copies.beside(stage.database) as session:
        query = "SELECT 1 FROM advancement_runs WHERE requested_by = 'another' AND planned_at IS NOT NULL"
        return session.execute(query).fetchone() is not None


def _both_ended() -> list[str]:
    problems = []
    for by in ("the work", "another"):
        runs = list(Run.objects.filter(requested_by=by))
        if [run.status for run in runs] != ["succeeded"]:
            problems.append(f"the runs of {by} are {[(run.status, run.error) for run in runs]}")
    runs = Run.objects.filter(requested_by__in=["the work", "another"])
    made = AdvancementEvent.objects.filter(run_id__in=runs.values("id"))
    return problems if made.exists() else [*problems, "nothing moved"]
