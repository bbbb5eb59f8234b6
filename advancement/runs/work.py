"""Work on a run under its lease, from wherever it stands to its end."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)

from advancement.aggregation.refresh import refresh_signals
from advancement.apply import Applier
from advancement.criteria.errors import AdvancementError, AnotherRunApplies, LeaseLost
from advancement.database.clock import ClockTimestamp, database_now
from advancement.evaluation.plan import make_plan
from advancement.models import LeftOut, Run
from advancement.models.events import AdvancementEvent
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.runs.lease import lease_for
from advancement.runs.start import check_scope

logger = logging.getLogger(__name__)

# Phase, moves made, moves in all.
Progress = Callable[[str, int, int], None]

# Seconds to wait before each further try after a database error that may pass by itself.
RETRY_DELAYS: Final = (5, 15, 30)
TRANSIENT: Final = (OperationalError, InterfaceError)

_FIRST_RETRY: Final = timedelta(minutes=1)
_LONGEST_RETRY: Final = timedelta(hours=1)


def silent(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def work_on(run_id: int, token: int, *, progress: Progress = silent, using: str = "default") -> Run:
    """Bring a run to its end under the lease `token`; return it as it then stands.

    Errors of the database that may pass are retried; whatever else goes wrong, or does not pass, ends
    the run as `failed` with the error kept, to be resumed later. Raise LeaseLost when another worker
    has taken the run, and the database's error when not even the failure can be recorded.
    """
    worker = _Worker(run_id, token, progress, using)
    try:
        _retrying(worker.advance, using)
    except LeaseLost:
        raise
    except (AdvancementError, DatabaseError, InterfaceError) as error:
        worker.fail(error)
    except Exception as error:
        logger.exception("Run %s failed on a defect", run_id)
        worker.fail(error)
    return worker.run


def _retrying(step: Callable[[], None], using: str) -> None:
    for delay in RETRY_DELAYS:
        try:
            return step()
        except TRANSIENT as error:
            logger.warning("Database error, next try in %s s: %s", delay, error)
            _drop_connection(using)
            time.sleep(delay)
    return step()


def _drop_connection(using: str) -> None:
    # Inside somebody else's transaction the connection is theirs to keep.
    if not connections[using].in_atomic_block:
        connections[using].close()


class _Worker:
    """Takes a run from state to state; every step starts from what the database says."""

    def __init__(self, run_id: int, token: int, progress: Progress, using: str) -> None:
        self._id = run_id
        self._token = token
        self._progress = progress
        self._using = using

    @property
    def run(self) -> Run:
        """The run as it stands."""
        return Run.objects.using(self._using).get(pk=self._id)

    def advance(self) -> None:
        """Refresh, plan and apply, whatever of it is left to do."""
        run = self.run
        if run.lease_token != self._token:
            raise LeaseLost
        if run.status == RunStatus.PLANNING:
            self._plan(run)
            run = self.run
        if run.dry_run:
            self._release()
            return
        if run.status in {RunStatus.PLANNED, RunStatus.APPROVED}:
            self._start_applying()
            run = self.run
        if run.status == RunStatus.APPLYING:
            self._apply(run)

    def fail(self, error: Exception) -> None:
        """End the run as failed, keep the error, and say when it is tried again."""
        _drop_connection(self._using)
        waits = min(_FIRST_RETRY * 2 ** min(self.run.attempts - 1, 10), _LONGEST_RETRY)
        message = str(error).strip().partition("\n")[0] or type(error).__name__
        self._update(
            status=RunStatus.FAILED,
            error=message,
            retry_at=ClockTimestamp() + waits,
            lease_expires_at=None,
            finished_at=database_now(self._using),
        )

    def _plan(self, run: Run) -> None:
        check_scope(tuple(run.from_tiers), run.scope_model_id, self._using)
        if run.trigger == RunTrigger.SCHEDULE:
            self._progress("refreshing signals", 0, 0)
            refresh_signals(using=self._using)
        self._progress("planning", 0, 0)
        self._update(lease_expires_at=ClockTimestamp() + lease_for(RunStatus.PLANNING))
        make_plan(run, self._token, using=self._using)
        if run.trigger == RunTrigger.SCHEDULE:
            self._supersede_older()

    def _supersede_older(self) -> None:
        """Drop the open moves of older runs that failed or wait for a decision: this plan is newer."""
        Run.objects.using(self._using).filter(
            kind=RunKind.ADVANCEMENT, id__lt=self._id, status__in=[RunStatus.HELD, RunStatus.FAILED]
        ).update(
            status=RunStatus.CANCELLED,
            superseded_by=self._id,
            retry_at=None,
            finished_at=database_now(self._using),
        )

    def _start_applying(self) -> None:
        try:
            with transaction.atomic(using=self._using):
                self._update(
                    status=RunStatus.APPLYING,
                    lease_expires_at=ClockTimestamp() + lease_for(RunStatus.APPLYING),
                )
        except IntegrityError:
            raise AnotherRunApplies from None

    def _apply(self, run: Run) -> None:
        applier = Applier(run, self._token, using=self._using)
        try:
            applier.apply_all(lambda done, total: self._progress("advancing", done, total))
        finally:
            applier.close()
        self._finish()

    def _finish(self) -> None:
        events = AdvancementEvent.objects.using(self._using).filter(run_id=self._id)
        skipped = LeftOut.objects.using(self._using).filter(run=self._id, bucket="skipped")
        self._update(
            status=RunStatus.SUCCEEDED,
            advanced=events.count(),
            skipped=skipped.count(),
            finished_at=database_now(self._using),
            lease_expires_at=None,
        )

    def _release(self) -> None:
        self._update(finished_at=database_now(self._using), lease_expires_at=None)

    def _update(self, **values: object) -> None:
        mine = Run.objects.using(self._using).filter(pk=self._id, lease_token=self._token)
        if mine.update(**values) != 1:
            raise LeaseLost
