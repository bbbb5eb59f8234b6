"""Who works on a run: which runs nobody works on, and how one is taken."""

from datetime import timedelta
from functools import partial
from typing import Final

from django.db import OperationalError, transaction
from django.db.models import F, Q, QuerySet

from advancement.criteria.errors import LeaseLost
from advancement.database.clock import ClockTimestamp
from advancement.database.limits import limit_idling, limit_waiting
from advancement.database.locks import lock_refused
from advancement.database.waiting import waiting_time
from advancement.leases import MOST_ATTEMPTS, hand_over, nobody_holds, owner, usual_lease
from advancement.models import Run
from advancement.models.runs import RunLogLevel, RunStatus
from advancement.notifications.outbox import announce
from advancement.runs.log import note
from advancement.runs.summary import summary_of

# One planning transaction cannot report on its way, so its lease is as long as the longest plan may take.
PLANNING_LEASE: Final = timedelta(minutes=30)
UNFINISHED: Final = (RunStatus.PLANNING, RunStatus.PLANNED, RunStatus.APPROVED, RunStatus.APPLYING)


def lease_for(status: str) -> timedelta:
    """Return how long a worker in this state may stay silent."""
    usual = usual_lease()
    return max(PLANNING_LEASE, usual) if status == RunStatus.PLANNING else usual


def abandoned(using: str = "default") -> "QuerySet[Run]":
    """Return the runs that nobody works on though they are not at their end, oldest first.

    These are runs whose worker died, and failed ones whose time to be tried again has come. A dry run
    that has its plan is at its end.
    """
    silent = Q(status__in=UNFINISHED) & nobody_holds()
    again = Q(status=RunStatus.FAILED, retry_at__lte=ClockTimestamp())
    dry_and_done = Q(dry_run=True) & ~Q(status=RunStatus.PLANNING)
    return Run.objects.using(using).filter(silent | again).exclude(dry_and_done).order_by("id")


def take_lease(run_id: int, *, using: str = "default") -> int | None:
    """Take a run that nobody works on; return the new fencing token, or None when somebody has it.

    A failed run goes on where it stopped: with its plan when it has one.
    """
    with transaction.atomic(using=using):
        run = _lock_free(run_id, using)
        if run is None:
            return None
        if run.status == RunStatus.FAILED:
            run.status = RunStatus.PLANNED if run.planned_at else RunStatus.PLANNING
        if run.status == RunStatus.APPROVED or run.started_at is None:
            # The time that it waited for a person or a worker is not the run's.
            Run.objects.using(using).filter(pk=run_id).update(started_at=ClockTimestamp())
        _hand_over(
            run,
            using,
            status=run.status,
            lease_owner=owner(),
            lease_expires_at=ClockTimestamp() + lease_for(run.status),
            attempts=F("attempts") + 1,
            error="",
            retry_at=None,
            finished_at=None,
        )
        attempt = f" for the {_ordinal(run.attempts + 1)} time" if run.attempts else ""
        note(run.pk, f"Taken up{attempt} by {owner()}, under token {run.lease_token + 1}.", using=using)
        return run.lease_token + 1


def shut_out(run: Run) -> LeaseLost:
    """Return what to say to a worker that lost its lease: the run was cancelled, or somebody took it."""
    if run.status != RunStatus.CANCELLED:
        return LeaseLost()
    whom = f" by {run.decided_by}" if run.decided_by else ""
    return LeaseLost(f"Run {run.pk} was cancelled{whom}; what it had moved by then stays.")


def put_off_if_deadly(run_id: int, *, using: str = "default") -> bool:
    """Fail a run whose workers died time and again, to be tried later; return whether it was one."""
    with transaction.atomic(using=using):
        run = _lock_free(run_id, using)
        if run is None or run.status == RunStatus.FAILED or run.attempts < MOST_ATTEMPTS:
            return False
        error = f"Its worker ended without a word, at attempt {run.attempts}."
        _hand_over(
            run,
            using,
            status=RunStatus.FAILED,
            lease_expires_at=None,
            error=error,
            retry_at=ClockTimestamp() + waiting_time(run.attempts),
            finished_at=ClockTimestamp(),
        )
        run.refresh_from_db(using=using)
        note(run_id, f"Failed. {error}", level=RunLogLevel.ERROR, using=using)
        announce(run, partial(summary_of, using=using), using=using)
        return True


def _lock_free(run_id: int, using: str) -> Run | None:
    """Lock the run's row and return it, when nobody works on it; whoever keeps the row locked does."""
    limit_idling(using)
    try:
        with transaction.atomic(using=using):
            limit_waiting(using)
            run = Run.objects.using(using).select_for_update().filter(pk=run_id).first()
    except OperationalError as error:
        if not lock_refused(error):
            raise
        return None
    if run is None:
        return None
    free = run.status == RunStatus.FAILED or abandoned(using).filter(pk=run_id).exists()
    return run if free else None


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in {11, 12, 13} else "th"
    return f"{number}{ending}"


def _hand_over(run: Run, using: str, **values: object) -> None:
    hand_over(Run.objects.using(using).filter(pk=run.pk), **values)
