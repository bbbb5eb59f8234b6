"""Work on a run under its lease, from wherever it stands to its end."""

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import django.db
from django.conf import settings
from django.db import IntegrityError, connections, transaction

from advancement.aggregation.refresh import refresh_signals
from advancement.apply import Applier
from advancement.criteria.errors import AdvancementError, AnotherRunApplies, LeaseLost
from advancement.database.clock import ClockTimestamp, database_now
from advancement.database.limits import limit_idling, limit_waiting
from advancement.database.waiting import waiting_time
from advancement.evaluation.plan import make_plan
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.notifications.outbox import announce
from advancement.rollback.plan import make_rollback_plan
from advancement.rollback.rules import disable_rolled_back_rules
from advancement.runs.diary import Diary
from advancement.runs.guardrails import limits_exceeded
from advancement.runs.lease import UNFINISHED, abandoned, lease_for, shut_out, take_lease
from advancement.runs.retry import drop_connection, first_line, retrying
from advancement.runs.sealing import seal_ended_runs
from advancement.runs.start import check_scope, check_triggers
from advancement.runs.summary import counts_of, summary_of
from advancement.runs.superseding import supersede_older

logger = logging.getLogger(__name__)

# Phase, moves made, moves in all.
Progress = Callable[[str, int, int], None]

# Seconds to wait for another run that is being applied, before this one fails, to be resumed later.
PATIENCE: Final = 30.0
_POLL: Final = 0.5
# From so many on, analysing a plan takes less time than it saves.
_MANY_MOVES: Final = 1_000


def silent(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def work_on(run_id: int, token: int, *, progress: Progress = silent, using: str = "default") -> Run:
    """Bring a run to its end under the lease `token`; return it as it then stands.

    Errors of the database that may pass are retried; whatever else goes wrong, or does not pass, ends
    the run as `failed` with the error kept, to be resumed later. Raise LeaseLost when another worker
    has taken the run, and the database's error when not even the failure can be recorded. What has ended
    by then is sealed.
    """
    worker = _Worker(run_id, token, progress, using)
    try:
        retrying(worker.advance, lambda: worker.standing, tell=worker.diary.retries, using=using)
    except LeaseLost:
        raise shut_out(worker.run) from None
    except (KeyboardInterrupt, SystemExit):
        worker.give_back()
        raise
    except (AdvancementError, django.db.Error) as error:
        worker.fail(error)
    except Exception as error:
        logger.exception("Run %s failed on a defect", run_id)
        worker.fail(error)
    seal_ended_runs(using=using)
    return worker.run


class _Worker:
    """Takes a run from state to state; every step starts from what the database says."""

    def __init__(self, run_id: int, token: int, progress: Progress, using: str) -> None:
        self._id = run_id
        self._token = token
        self._progress = progress
        self._using = using
        # How far the run has got, as far as this worker has seen.
        self.standing: tuple[str, int] | None = None
        self.diary = Diary(run_id, using)

    @property
    def run(self) -> Run:
        """The run as it stands."""
        return Run.objects.using(self._using).get(pk=self._id)

    def advance(self) -> None:
        """Refresh, plan and apply, whatever of it is left to do."""
        run = self._renew()
        if run.status in UNFINISHED:
            check_triggers(self._using)
        if run.status == RunStatus.PLANNING:
            self._plan(run)
            run = self._renew()
        if run.dry_run:
            self._release(limits_exceeded(run, self._using))
            return
        # What was begun is finished: a run that failed halfway is planned again, but not judged again.
        untouched = run.status == RunStatus.PLANNED and run.cursor == 0
        if untouched and (exceeded := limits_exceeded(run, self._using)):
            self._hold(exceeded)
            return
        if run.status in {RunStatus.PLANNED, RunStatus.APPROVED}:
            if run.trigger == RunTrigger.SCHEDULE:
                self._supersede_older()
            if not run.moves_planned:  # so there is no need to wait for whoever applies
                self._finish()
                return
            self._start_applying()
            run = self._renew()
        if run.status == RunStatus.APPLYING:
            self._apply(run)

    def fail(self, error: Exception) -> None:
        """End the run as failed, keep the error, and say when it is tried again."""
        drop_connection(self._using)
        self._end(
            status=RunStatus.FAILED,
            error=first_line(error),
            retry_at=ClockTimestamp() + waiting_time(self.run.attempts),
            lease_expires_at=None,
            finished_at=database_now(self._using),
            tell=self.diary.failed,
        )

    def give_back(self) -> None:
        """Let the lease end now, so that whoever comes next need not wait for it."""
        drop_connection(self._using)
        with contextlib.suppress(LeaseLost, django.db.Error):
            self._update(lease_expires_at=ClockTimestamp())

    def _renew(self) -> Run:
        """Return the run as it stands, its lease renewed; raise LeaseLost when another worker has it.

        A batch renews the lease with its commit alone, so a try that follows a failed one does it here.
        """
        run = self.run
        if run.lease_token != self._token:
            raise LeaseLost
        if run.lease_expires_at is not None:  # None: it is at its end
            self._update(lease_expires_at=ClockTimestamp() + lease_for(run.status))
        self.standing = (run.status, run.cursor)
        return run

    def _plan(self, run: Run) -> None:
        if run.trigger == RunTrigger.SCHEDULE:
            self._mend_tiers(run)
        check_scope(tuple(run.from_tiers), run.scope_model_id, self._using)
        if run.trigger == RunTrigger.SCHEDULE:
            self._progress("refreshing signals", 0, 0)
            with transaction.atomic(using=self._using):
                limit_waiting(self._using)
                record = refresh_signals(using=self._using)
            self._renew()
            self.diary.refreshed(record)
        self._progress("planning", 0, 0)
        make = make_rollback_plan if run.kind == RunKind.ROLLBACK else make_plan
        make(run, self._token, using=self._using)
        self.diary.planned(self.run)
        self._analyse()

    def _analyse(self) -> None:
        """Let PostgreSQL look at a large plan that it knows nothing of yet.

        Else it would take it for a few rows, and read the whole plan for each batch.
        """
        connection = connections[self._using]
        if connection.vendor == "postgresql" and self.run.moves_planned >= _MANY_MOVES:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE advancement_moves")

    def _mend_tiers(self, run: Run) -> None:
        """Read the settings again where a scheduled run names tiers that do not exist.

        Else its date could not be run any more, however soon the setting is mended.
        """
        try:
            check_scope(tuple(run.from_tiers), run.scope_model_id, self._using)
        except AdvancementError:
            run.from_tiers = list(settings.ADVANCEMENT_FROM_TIERS)
            self._update(from_tiers=run.from_tiers)

    def _supersede_older(self) -> None:
        supersede_older(self._id, self._using)

    def _start_applying(self) -> None:
        """Become the one run that is being applied; wait a little while another one is."""
        deadline = time.monotonic() + PATIENCE
        while other := self._try_to_start():
            if self._finish_abandoned():
                continue
            if time.monotonic() >= deadline:
                raise AnotherRunApplies(f"{other} is still being applied.".capitalize())
            self._progress(f"waiting for {other}", 0, 0)
            self.diary.waits_for(other)
            time.sleep(_POLL)
            self._renew()

    def _finish_abandoned(self) -> bool:
        """Finish the run that is being applied if its worker died meanwhile; return whether it had."""
        applying = abandoned(self._using).filter(status=RunStatus.APPLYING).exclude(pk=self._id).first()
        if applying is None or (token := take_lease(applying.pk, using=self._using)) is None:
            return False
        logger.info("Resuming run %s, whose worker died", applying.pk)
        with contextlib.suppress(LeaseLost):
            work_on(applying.pk, token, progress=self._progress, using=self._using)
        self._renew()
        return True

    def _try_to_start(self) -> str:
        """Become the run that is being applied, or return the name of the one that is."""
        others = Run.objects.using(self._using).filter(
            status=RunStatus.APPLYING, kind__in=[RunKind.ADVANCEMENT, RunKind.ROLLBACK]
        )
        if other := others.first():
            return str(other)
        try:
            with transaction.atomic(using=self._using):
                limit_idling(self._using)
                limit_waiting(self._using)
                self._update(
                    status=RunStatus.APPLYING,
                    lease_expires_at=ClockTimestamp() + lease_for(RunStatus.APPLYING),
                )
                if disabled := disable_rolled_back_rules(self.run, using=self._using):
                    self._update(rules_disabled=disabled)
        except IntegrityError:  # of one_applying_run, the only constraint that this can break
            return str(others.first() or "another run")
        return ""

    def _apply(self, run: Run) -> None:
        applier = Applier(run, self._token, using=self._using)
        self.diary.applies(run)

        def advanced(done: int, total: int) -> None:
            self._advanced(done, total)
            self.diary.batch(applier.moved, applier.skipped, done, total)

        try:
            applier.apply_all(advanced)
        finally:
            applier.close()
        self._finish()

    def _advanced(self, done: int, total: int) -> None:
        self.standing = (RunStatus.APPLYING, done)
        self._progress("applying", done, total)

    def _finish(self) -> None:
        self._end(
            status=RunStatus.SUCCEEDED,
            **counts_of(self._id, self._using),
            finished_at=database_now(self._using),
            lease_expires_at=None,
            tell=self.diary.finished,
        )

    def _hold(self, exceeded: list[str]) -> None:
        """Stop at the plan and wait for a person; a newer scheduled plan takes its place."""
        if self.run.trigger == RunTrigger.SCHEDULE:
            self._supersede_older()
        self._end(
            status=RunStatus.HELD,
            held_because=exceeded,
            lease_expires_at=None,
            tell=lambda run: self.diary.held(exceeded),
        )

    def _end(self, *, tell: Callable[[Run], None], **values: object) -> None:
        """Bring the run to its end and put into the outbox what is to be told about it, or neither."""
        with transaction.atomic(using=self._using):
            self._update(**values)
            run = self.run
            tell(run)
            announce(run, partial(summary_of, using=self._using), using=self._using)

    def _release(self, exceeded: list[str]) -> None:
        """Leave a dry run at its plan, with what a guardrail would say to it."""
        self._update(held_because=exceeded, finished_at=database_now(self._using), lease_expires_at=None)
        self.diary.planned_only(self.run, exceeded)

    def _update(self, **values: object) -> None:
        mine = Run.objects.using(self._using).filter(pk=self._id, lease_token=self._token)
        if mine.update(**values) != 1:
            raise LeaseLost
