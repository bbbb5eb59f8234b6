"""What became of a fault: recovery as in production, then the invariants and the oracle's state."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from django.db import connection, models
from django.db.models import Q

from advancement.database.clock import ClockTimestamp
from advancement.importing.uploads import OPEN, something_uploaded, work_on_uploads
from advancement.models import OutboxMessage, Run, SignalRequest, Upload
from advancement.runs.lease import UNFINISHED, abandoned
from advancement.runs.refreshing import refresh_asked_for, refresh_when_asked
from advancement.runs.schedule import resume_abandoned
from advancement.runs.sealing import seal_ended_runs
from tests.faults import copies
from tests.faults.children import in_child
from tests.faults.invariants import broken_invariants
from tests.faults.state import State, compare, read_state
from tests.faults.works import Work, prepare

_ROUNDS = 3
# Whatever one worker at a time works on.
_LEASED: Final[tuple[type[models.Model], ...]] = (Run, OutboxMessage, Upload, SignalRequest)
# A session whose client was killed ends by itself once the server looks at its socket.
_SESSIONS_END_IN = 10.0


@dataclass(frozen=True)
class Stage:
    """A fresh copy of the grove for one fault."""

    database: str

    def in_child(self, work: Work, function: Callable[[], Any]) -> Callable[[], Any]:
        """Return the function for a child that works on this copy, set up for `work`."""

        def call() -> Any:
            copies.use(self.database)
            prepare(work)
            try:
                return function()
            finally:
                connection.close()

        return call


@dataclass(frozen=True)
class Fault:
    """A fault by kind and name; `inject` does the work under it and raises when it could not;
    where recovery is a part of that, it returns the seconds that it took.

    Afterwards the work is recovered and compared with the oracle of `work`; `check` returns what is wrong
    instead where the fault changes the outcome. `recover` takes the place of the usual recovery.
    """

    kind: str
    name: str
    work: Work
    inject: Callable[[Stage], float | None]
    check: Callable[[], list[str]] | None = None
    recover: Callable[[], None] | None = None
    # Whether others on the same server would suffer from it.
    alone: bool = False

    @property
    def full_name(self) -> str:
        """By which `--only` finds it."""
        return f"{self.kind}/{self.work.name}/{self.name}"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one fault."""

    kind: str
    name: str
    lost: int = 0
    duplicated: int = 0
    orphaned: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing was lost, duplicated or orphaned."""
        return not (self.lost or self.duplicated or self.orphaned or self.problem)


def try_out(fault: Fault, oracles: dict[str, State]) -> Verdict:
    """Inject a fault into a fresh copy, let it be recovered from, and judge what is left."""
    verdict = Verdict(fault.kind, fault.full_name)
    with copies.copy() as name:
        stage = Stage(name)
        try:
            seconds = fault.inject(stage)
            expected = None if fault.check else oracles[fault.work.name]
            judge = stage.in_child(fault.work, lambda: _recover_and_judge(fault, verdict, expected))
            verdict = in_child(judge)
            return verdict if seconds is None else replace(verdict, seconds=seconds)
        except Exception as error:
            return replace(verdict, problem=f"{type(error).__name__}: {error}")


def oracle(work: Work) -> State:
    """Return the state after the work without a fault."""
    with copies.copy() as name:

        def undisturbed() -> State:
            planted = read_state()
            work.do()
            assert not broken_invariants(), broken_invariants()
            state = read_state()
            assert state != planted, f"{work.name} does nothing"
            return state

        return in_child(Stage(name).in_child(work, undisturbed))


def _recover_and_judge(fault: Fault, verdict: Verdict, expected: State | None) -> Verdict:
    start = time.perf_counter()
    if fault.recover:
        fault.recover()
    else:
        resume_all()
        fault.work.do()
    seconds = time.perf_counter() - start
    orphans = broken_invariants() + unfinished() + leftovers()
    problems = list(orphans)
    if fault.check:
        problems += fault.check()
    verdict = replace(verdict, seconds=seconds, orphaned=len(orphans))
    if expected is not None:
        difference = compare(expected, read_state())
        problems += [str(difference)] if str(difference) else []
        verdict = replace(verdict, lost=difference.lost.total(), duplicated=difference.duplicated.total())
    return replace(verdict, problem="; ".join(problems))


def resume_all() -> None:
    """Take up what was left lying, as the next ticks would, with the time in between gone by."""
    for _ in range(_ROUNDS):
        let_time_pass()
        seal_ended_runs()
        if not something_lies():
            return
        take_up()


def something_lies() -> bool:
    """Whether a tick would wake up the cluster for runs to take something up."""
    return abandoned().exists() or something_uploaded() or refresh_asked_for()


def take_up() -> None:
    """Take up what lies, in the order of the cluster for runs."""
    resume_abandoned()
    work_on_uploads()
    refresh_when_asked()


def let_time_pass() -> None:
    """Let every lease and every waiting time of a failed run be over."""
    over = ClockTimestamp() - timedelta(seconds=1)
    for model in _LEASED:
        model._default_manager.filter(lease_expires_at__isnull=False).update(lease_expires_at=over)
    Run.objects.filter(retry_at__isnull=False).update(retry_at=over)


def unfinished() -> list[str]:
    """Return the runs, imports and refreshes that are stuck."""
    runs = Run.objects.filter(status__in=[*UNFINISHED, "failed"], dry_run=False)
    uploads = Upload.objects.filter(Q(status__in=OPEN) | Q(lease_expires_at__isnull=False))
    wishes = SignalRequest.objects.filter(Q(finished_at=None) | Q(lease_expires_at__isnull=False))
    return [
        *(f"run {run.pk} is {run.status}: {run.error}" for run in runs),
        *(f"upload {upload.pk} is {upload.status}" for upload in uploads),
        *(f"the wish {wish} is open or held" for wish in wishes),
    ]


def leftovers() -> list[str]:
    """Return what others left on this database: sessions, locks, temporary tables, prepared transactions."""
    queries = {
        "sessions": "SELECT pid, state, query FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        "locks": "SELECT l.pid, l.locktype FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
        " WHERE datname = current_database() AND l.pid <> pg_backend_pid()",
        "temporary tables": "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
        "prepared transactions": "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
    }
    deadline = time.monotonic() + _SESSIONS_END_IN
    while found := [f"{what} left: {rows}" for what, query in queries.items() if (rows := _rows(query))]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.02)
    return []


def _rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
