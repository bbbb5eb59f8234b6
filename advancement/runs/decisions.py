"""What a person decides about a plan that waits: apply it, all or part of it, or drop it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.db import OperationalError, connections, transaction
from django.db.models import F, Q, QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import written
from advancement.criteria.wording import join_words
from advancement.database.clock import ClockTimestamp, database_now
from advancement.database.limits import limit_idling, limit_waiting
from advancement.database.locks import lock_refused
from advancement.database.statements import Fragment
from advancement.models import Move, Run
from advancement.models.runs import TAKEN_OUT, LeftOutBucket, RunKind, RunLogLevel, RunStatus
from advancement.notifications.outbox import announce
from advancement.runs.guardrails import limits_exceeded
from advancement.runs.lease import UNFINISHED
from advancement.runs.log import note
from advancement.runs.review import lock_reviewed
from advancement.runs.sealing import seal_ended_runs
from advancement.runs.summary import counts_of, summary_of
from advancement.runs.waking import RUNS_CLUSTER, wake_up

_NAMED: Final = 10
# Of somebody who waits at a page.
_PATIENCE: Final = timedelta(seconds=10)
# What a run may be for a decision to lead to the status.
_OPEN_TO: Final = {
    RunStatus.APPROVED: (RunStatus.HELD,),
    RunStatus.DISCARDED: (RunStatus.HELD, RunStatus.FAILED),
}
_DRY: Final = Q(dry_run=True, status=RunStatus.PLANNED)


def apply_plan(run_id: int, *, revision: int, by: str, using: str = "default") -> Run:
    """Let an advancement's dry run be applied, less what was struck out, by whoever takes it up next.

    A plan that exceeds a guardrail becomes `held` instead, for an approver. `revision` is that of the review
    that was looked at. Raise AdvancementError when the plan was decided about already, when nothing would
    be left of it, or when the review changed since; the returned run is as it then stands.
    """
    with transaction.atomic(using=using):
        limit_idling(using)
        run = lock_reviewed(run_id, revision, using=using)
        if run.kind != RunKind.ADVANCEMENT or run.status != RunStatus.PLANNED:
            raise AdvancementError(
                f"Run {run_id} is not a dry run of an advancement; there is nothing to apply."
            )
        values: dict[str, object] = {"dry_run": False, "lease_expires_at": None, "finished_at": None}
        if exceeded := limits_exceeded(run, using):
            values |= {"status": RunStatus.HELD, "held_because": exceeded}
        else:
            values |= {"status": RunStatus.APPROVED, "decided_by": by, "decided_at": database_now(using)}
            values |= {"attempts": 0}
            _drop_struck(run, by, using)
        Run.objects.using(using).filter(pk=run_id).update(**values)
        run.refresh_from_db(using=using)
        if exceeded:
            said = f"{by} applied the plan, which a guardrail holds. {' '.join(exceeded)}"
            note(run_id, said, level=RunLogLevel.WARNING, using=using)
            announce(run, partial(summary_of, using=using), using=using)
        else:
            note(run_id, f"{by} applied the plan{_less_struck(run)}.", using=using)
    if not exceeded:
        wake_up(RUNS_CLUSTER)
    return run


def approve(
    run_id: int,
    *,
    by: str,
    reason: str,
    revision: int | None = None,
    only: Sequence[UUID] = (),
    excluding: Sequence[UUID] = (),
    using: str = "default",
) -> None:
    """Let a held run be applied, by whoever takes it up next: all of it, `only` some, or all but some.

    What was struck out of its plan is left out. What changed since its plan is skipped, with the reason.
    Raise AdvancementError without a reason, when the run is not held, for a sprout that its plan does not
    move, when none of it would be left, or when `revision` is given and the review changed since.
    """
    with transaction.atomic(using=using):
        limit_idling(using)
        if revision is not None:
            lock_reviewed(run_id, revision, using=using)
        _decide(run_id, RunStatus.APPROVED, by, reason, using)
        moves = Move.objects.using(using).filter(run=run_id)
        _check_planned([*only, *excluding], moves)
        if only:
            moves.exclude(sprout__in=only).update(struck=True)
        moves.filter(sprout__in=excluding).update(struck=True)
        run = Run.objects.using(using).get(pk=run_id)
        _drop_struck(run, by, using)
        run.refresh_from_db(using=using)
        note(run_id, f"{by} approved it{_less_struck(run)}: {written(reason)}", using=using)


def cancel(run_id: int, *, by: str, using: str = "default") -> None:
    """End a run now, wherever it stands; the moves that it made stay, and no further one is made.

    Whoever works on it is shut out. Raise AdvancementError when the run has ended, when it waits for a
    person, or when a batch that takes long keeps it locked.
    """
    try:
        _cancel(run_id, by, using)
    except OperationalError as error:
        if not lock_refused(error):
            raise
        raise AdvancementError(
            f"Run {run_id} is in the middle of a batch that takes long; try again in a moment."
        ) from error
    seal_ended_runs(using=using)


def _cancel(run_id: int, by: str, using: str) -> None:
    with transaction.atomic(using=using):
        limit_idling(using)
        limit_waiting(using, _PATIENCE)
        runs = Run.objects.using(using).filter(pk=run_id)
        run = runs.select_for_update().first()
        if run is None:
            raise AdvancementError(f"There is no run {run_id}.")
        if run.status not in UNFINISHED or (run.dry_run and run.status != RunStatus.PLANNING):
            raise AdvancementError(f"Run {run_id} is {run.status}: there is nothing to cancel.")
        runs.update(
            status=RunStatus.CANCELLED,
            lease_token=F("lease_token") + 1,
            lease_expires_at=None,
            decided_by=by,
            decided_at=database_now(using),
            finished_at=database_now(using),
            **counts_of(run_id, using),
        )
        done = (
            f", {run.moves_dealt_with(using):,} of {run.moves_to_make:,} moves dealt with"
            if run.cursor
            else ""
        )
        note(run_id, f"{by} cancelled it{done}.", level=RunLogLevel.WARNING, using=using)


def resume(run_id: int, *, by: str = "", using: str = "default") -> None:
    """Let a failed run go on now, from where it stopped, instead of at its next time.

    Raise AdvancementError when the run has not failed.
    """
    with transaction.atomic(using=using):
        limit_idling(using)
        failed = Run.objects.using(using).filter(pk=run_id, status=RunStatus.FAILED)
        if failed.update(retry_at=ClockTimestamp()) != 1:
            raise AdvancementError(f"Run {run_id} has not failed, so there is nothing to resume.")
        note(run_id, f"{by or 'Somebody'} lets it go on now.", using=using)
    wake_up(RUNS_CLUSTER)


def discard(run_id: int, *, by: str, reason: str, using: str = "default") -> None:
    """End a held or a failed run, or drop a dry run's plan; no further move of it is made.

    A scheduled run keeps its date: what is to be done for that night is done by an extra run. Raise
    AdvancementError without a reason, or when the run is neither held nor failed.
    """
    with transaction.atomic(using=using):
        limit_idling(using)
        _decide(run_id, RunStatus.DISCARDED, by, reason, using)
        note(run_id, f"{by} discarded it: {written(reason)}", using=using)
    seal_ended_runs(using=using)


def confirm_rollback(
    run_id: int,
    *,
    digest: str,
    by: str,
    reason: str,
    revision: int = 0,
    hold: bool = False,
    hold_until: datetime | None = None,
    disable_rules: bool = False,
    using: str = "default",
) -> None:
    """Let the dry run of a rollback be applied, by whoever takes it up next, exactly as it was reviewed.

    `digest` is that of the plan that was looked at, `revision` that of its review; what was struck out
    becomes `excluded`. Raise AdvancementError without a reason, when the plan is another one or nothing is
    left of it, when the run is not such a plan any more, for a hold that would have ended already, or for
    an undo that is to hold sprouts or disable rules; ReviewChanged when the review went on since.
    """
    if not written(reason):
        raise AdvancementError("A rollback needs a reason; say why these sprouts are to move back.")
    with transaction.atomic(using=using):
        limit_idling(using)
        run = lock_reviewed(run_id, revision, using=using)
        _check_confirmable(run, digest)
        now, hold_until = database_now(using), hold_until if hold else None
        _check_afterwards(run, now, hold_until, more=hold or disable_rules)
        Run.objects.using(using).filter(pk=run_id).update(
            status=RunStatus.APPROVED,
            dry_run=False,
            reason=written(reason),
            decided_by=by,
            decided_at=now,
            decision_reason=written(reason),
            hold=hold,
            hold_until=hold_until,
            disable_rules=disable_rules,
            lease_expires_at=None,
            finished_at=None,
            attempts=0,
        )
        _drop_struck(run, by, using)
        run.refresh_from_db(using=using)
        said = f"{by} confirmed the {'undo' if run.undoes_id else 'rollback'}{_less_struck(run)}"
        note(run_id, f"{said}: {written(reason)}", using=using)
    wake_up(RUNS_CLUSTER)


def _less_struck(run: Run) -> str:
    return f", {run.plan_in_words}" if run.moves_struck else ""


def _check_confirmable(run: Run, digest: str) -> None:
    if run.kind != RunKind.ROLLBACK or not run.dry_run:
        raise AdvancementError(f"Run {run.pk} is not the plan of a rollback; there is nothing to confirm.")
    if run.digest != digest:
        raise AdvancementError(
            f"The plan of run {run.pk} is not the one that was reviewed; look at it again."
        )
    if not run.moves_planned:
        raise AdvancementError(f"The plan of run {run.pk} takes nothing back; there is nothing to confirm.")


def _check_afterwards(run: Run, now: datetime, hold_until: datetime | None, *, more: bool) -> None:
    if hold_until is not None and hold_until <= now:
        raise AdvancementError(f"The hold would end at {hold_until:%Y-%m-%d %H:%M} UTC, which has passed.")
    if run.undoes_id and more:
        raise AdvancementError("An undo releases holds; it neither sets any nor disables rules.")


def _decide(run_id: int, status: RunStatus, by: str, reason: str, using: str) -> None:
    if not written(reason):
        raise AdvancementError("A decision needs a reason; say why the run may go on or not.")
    now = database_now(using)
    runs = Run.objects.using(using).filter(pk=run_id)
    waits = Q(status__in=_OPEN_TO[status])
    decided = runs.filter(waits | _DRY if status == RunStatus.DISCARDED else waits).update(
        status=status,
        decided_by=by,
        decided_at=now,
        decision_reason=written(reason),
        finished_at=now if status == RunStatus.DISCARDED else None,
        retry_at=None,
        **({"attempts": 0} if status == RunStatus.APPROVED else {}),
    )
    if decided != 1:
        standing = runs.values_list("status", flat=True).first()
        wanted = join_words(_OPEN_TO[status], "or")
        raise AdvancementError(
            f"Run {run_id} is {standing}, not {wanted}: there is nothing to decide."
            if standing
            else f"There is no run {run_id}."
        )


def _check_planned(sprouts: Sequence[UUID], moves: "QuerySet[Move]") -> None:
    planned = set(moves.filter(sprout__in=sprouts).values_list("sprout_id", flat=True))
    strangers = [str(sprout) for sprout in sprouts if sprout not in planned]
    if strangers:
        named = strangers[:_NAMED]
        if len(strangers) > _NAMED:
            named.append(f"{len(strangers) - _NAMED:,} more")
        raise AdvancementError(f"The plan does not move the sprout {join_words(named, 'or')}.")


def _drop_struck(run: Run, by: str, using: str) -> None:
    """Take what was struck out of a plan and put on record who did; the others keep their positions.

    Raise AdvancementError when nothing would be left.
    """
    moves = Move.objects.using(using).filter(run=run.pk, struck=True)
    rollback = run.kind == RunKind.ROLLBACK
    struck = Fragment.of(moves.order_by().values_list("run_id", "sprout_id", "reverses_event_id"), using)
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO advancement_left_out (run_id, sprout_id, event_id, bucket, reason)
            SELECT struck.*, %(bucket)s, %(reason)s FROM ({struck.sql}) AS struck
            """,
            {
                **struck.constants,
                "bucket": LeftOutBucket.EXCLUDED if rollback else LeftOutBucket.SKIPPED,
                "reason": f"{by} {TAKEN_OUT}",
            },
        )
    deleted = moves.delete()[0]
    if deleted and not Move.objects.using(using).filter(run=run.pk).exists():
        raise AdvancementError("Nothing would be left of the plan; discard the run instead.")
    Run.objects.using(using).filter(pk=run.pk).update(moves_struck=deleted)
