"""Why a run that has work to do does not go on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from django.db.models import QuerySet

from advancement.database.clock import database_now
from advancement.models import Run, SignalRequest, Upload
from advancement.models.runs import RunKind, RunStatus
from advancement.runs.lease import UNFINISHED
from advancement.runs.schedule import scheduler_fault
from advancement.runs.standing import unfinished
from advancement.runs.waking import RUNS_CLUSTER

# An idle cluster takes up what it was woken for within a second or two.
USUAL_WAIT: Final = timedelta(seconds=10)


class Why(Enum):
    """What keeps a run: the queue, a run that is being applied, or the death of its worker."""

    QUEUED = "queued"
    APPLYING = "applying"
    LOST = "lost"


@dataclass(frozen=True)
class AtWork:
    """What a worker of the cluster is at, in words; `run` where it is one."""

    words: str
    run: Run | None = None


@dataclass(frozen=True)
class Waiting:
    """A run that does not go on: why, since when, and what is worked on before it, if anything is.

    Where nothing comes before a queued one, and it takes `long`, no cluster seems to run.
    """

    why: Why
    since: datetime
    long: bool
    behind: AtWork | None = None

    @property
    def lost(self) -> bool:
        """Whether its worker has not been heard of for longer than its lease."""
        return self.why is Why.LOST


def waiting(run: Run, *, using: str = "default") -> Waiting | None:
    """Return how a run waits; None when somebody works on it, or nobody has anything to do about it."""
    if not unfinished(run):
        return None
    now = database_now(using)
    since = run.decided_at or run.created_at
    long = now - since > USUAL_WAIT
    if run.lease_expires_at is not None and run.lease_expires_at >= now:
        others = _runs_at_work(now, using).exclude(pk=run.pk).filter(status=RunStatus.APPLYING)
        other = others.first() if run.status in {RunStatus.PLANNED, RunStatus.APPROVED} else None
        return Waiting(Why.APPLYING, since, long, _of_run(other)) if other else None
    if run.lease_expires_at is not None:
        return Waiting(Why.LOST, run.lease_expires_at, long=True)
    return Waiting(Why.QUEUED, since, long, at_work(now, but=run.pk, using=using))


def waits_because(found: Waiting | None, *, using: str = "default") -> str | None:
    """Say why a run does not go on, and what to do about it; None when it does, or will in a moment."""
    if found is None:
        return None
    if found.why is Why.APPLYING and found.behind:
        return f"It waits for {found.behind.words}, which is being applied: one run at a time moves sprouts."
    if found.lost:
        return (
            "Its worker has not been heard of for longer than its lease. Within a minute the cluster "
            f"{RUNS_CLUSTER} takes it up where it stopped, if it is running."
        )
    if not found.long:
        return None
    if found.behind:
        return f"The cluster {RUNS_CLUSTER} works on {found.behind.words}; this one comes after it."
    if fault := scheduler_fault(using=using):
        return f"No task cluster answers: {fault}. manage.py console starts all of them."
    return (
        f"Nobody has taken it up yet. See that the cluster {RUNS_CLUSTER} runs "
        f"(Q_CLUSTER_NAME={RUNS_CLUSTER} manage.py qcluster, or manage.py console for all)."
    )


def at_work(now: datetime, *, but: int | None = None, using: str = "default") -> AtWork | None:
    """Return what a worker of the cluster holds the lease of: a run (`but` one), an import or a refresh."""
    others = _runs_at_work(now, using)
    if run := (others if but is None else others.exclude(pk=but)).first():
        return _of_run(run)
    if Upload.objects.using(using).filter(lease_expires_at__gte=now).exists():
        return AtWork("an import")
    if SignalRequest.objects.using(using).filter(lease_expires_at__gte=now, finished_at=None).exists():
        return AtWork("a refresh of the signals")
    return None


def _of_run(run: Run) -> AtWork:
    return AtWork(f"run {run.pk}", run)


def _runs_at_work(now: datetime, using: str) -> "QuerySet[Run]":
    runs = Run.objects.using(using).filter(status__in=UNFINISHED, lease_expires_at__gte=now)
    return runs.exclude(kind=RunKind.OVERRIDE).order_by("id")
