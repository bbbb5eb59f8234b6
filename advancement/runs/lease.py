"""Who works on a run: a lease on the database's clock with a fencing token."""

import os
import socket
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from advancement.database.clock import ClockTimestamp
from advancement.models import Run
from advancement.models.runs import RunStatus

# One planning transaction cannot report on its way, so its lease is as long as the longest plan may take.
PLANNING_LEASE: Final = timedelta(minutes=10)
UNFINISHED: Final = (RunStatus.PLANNING, RunStatus.PLANNED, RunStatus.APPROVED, RunStatus.APPLYING)


def owner() -> str:
    """Return the name of this worker: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lease_for(status: str) -> timedelta:
    """Return how long a worker in this state may stay silent."""
    lease: timedelta = settings.ADVANCEMENT_LEASE
    return max(PLANNING_LEASE, lease) if status == RunStatus.PLANNING else lease


def abandoned(using: str = "default") -> "QuerySet[Run]":
    """Return the runs that nobody works on though they are not at their end, oldest first.

    These are runs whose worker died, and failed ones whose time to be tried again has come. A dry run
    that has its plan is at its end.
    """
    now = ClockTimestamp()
    silent = Q(status__in=UNFINISHED) & (Q(lease_expires_at__lt=now) | Q(lease_expires_at__isnull=True))
    again = Q(status=RunStatus.FAILED, retry_at__lt=now)
    dry_and_done = Q(dry_run=True) & ~Q(status=RunStatus.PLANNING)
    return Run.objects.using(using).filter(silent | again).exclude(dry_and_done).order_by("id")


def take_lease(run_id: int, *, using: str = "default") -> int | None:
    """Take a run that nobody works on; return the new fencing token, or None when somebody has it.

    A failed run goes on where it stopped: with its plan when it has one.
    """
    with transaction.atomic(using=using):
        run = Run.objects.using(using).select_for_update().filter(pk=run_id).first()
        if run is None or not _is_free(run, using):
            return None
        if run.status == RunStatus.FAILED:
            run.status = RunStatus.PLANNED if run.planned_at else RunStatus.PLANNING
        Run.objects.using(using).filter(pk=run_id).update(
            status=run.status,
            lease_token=F("lease_token") + 1,
            lease_owner=owner(),
            lease_expires_at=ClockTimestamp() + lease_for(run.status),
            attempts=F("attempts") + 1,
            error="",
            retry_at=None,
        )
        return run.lease_token + 1


def _is_free(run: Run, using: str) -> bool:
    if run.status == RunStatus.FAILED:
        return True
    return abandoned(using).filter(pk=run.pk).exists()
