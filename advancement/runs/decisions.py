"""What a person decides about a plan that waits: apply it, all or part of it, or drop it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import join_words
from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.statements import Fragment
from advancement.models import Move, Run
from advancement.models.runs import RunKind, RunStatus
from advancement.runs.sealing import seal_ended_runs

_NAMED = 10
# What a run may be for a decision to lead to the status.
_OPEN_TO: Final = {
    RunStatus.APPROVED: (RunStatus.HELD,),
    RunStatus.DISCARDED: (RunStatus.HELD, RunStatus.FAILED),
}


def approve(
    run_id: int,
    *,
    by: str,
    reason: str,
    only: Sequence[UUID] = (),
    excluding: Sequence[UUID] = (),
    using: str = "default",
) -> None:
    """Let a held run be applied, by whoever takes it up next: all of it, `only` some, or all but some.

    What changed since its plan is skipped, with the reason. Raise AdvancementError without a reason, when
    the run is not held, for a sprout that its plan does not move, or when none of it would be left.
    """
    with transaction.atomic(using=using):
        limit_idling(using)
        _decide(run_id, RunStatus.APPROVED, by, reason, using)
        if only or excluding:
            moves = Move.objects.using(using).filter(run=run_id)
            _check_planned([*only, *excluding], moves)
            struck = moves.exclude(sprout__in=only) if only else moves.none()
            _strike(run_id, struck | moves.filter(sprout__in=excluding), by, using)
            if not moves.exists():
                raise AdvancementError("Nothing would be left of the plan; discard the run instead.")


def discard(run_id: int, *, by: str, reason: str, using: str = "default") -> None:
    """End a held or a failed run; no further move of it is made.

    A scheduled run keeps its date: what is to be done for that night is done by an extra run. Raise
    AdvancementError without a reason, or when the run is neither held nor failed.
    """
    _decide(run_id, RunStatus.DISCARDED, by, reason, using)
    seal_ended_runs(using=using)


def confirm_rollback(
    run_id: int,
    *,
    digest: str,
    by: str,
    reason: str,
    hold: bool = False,
    hold_until: datetime | None = None,
    disable_rules: bool = False,
    using: str = "default",
) -> None:
    """Let the dry run of a rollback be applied, by whoever takes it up next, exactly as it was reviewed.

    `digest` is that of the plan that was looked at. Raise AdvancementError without a reason, when the plan
    is another one, or when the run is not such a plan any more.
    """
    if not reason.strip():
        raise AdvancementError("A rollback needs a reason; say why these sprouts are to move back.")
    plans = Run.objects.using(using).filter(pk=run_id, kind=RunKind.ROLLBACK, dry_run=True)
    now = database_now(using)
    confirmed = plans.filter(status=RunStatus.PLANNED, digest=digest).update(
        status=RunStatus.APPROVED,
        dry_run=False,
        reason=reason.strip(),
        decided_by=by,
        decided_at=now,
        decision_reason=reason.strip(),
        hold=hold,
        hold_until=hold_until,
        disable_rules=disable_rules,
        lease_expires_at=None,
        finished_at=None,
    )
    if confirmed != 1:
        raise AdvancementError(
            f"Run {run_id} is not the plan that was reviewed, or was decided about already; look at it again."
        )


def _decide(run_id: int, status: RunStatus, by: str, reason: str, using: str) -> None:
    if not reason.strip():
        raise AdvancementError("A decision needs a reason; say why the run may go on or not.")
    now = database_now(using)
    runs = Run.objects.using(using).filter(pk=run_id)
    decided = runs.filter(status__in=_OPEN_TO[status]).update(
        status=status,
        decided_by=by,
        decided_at=now,
        decision_reason=reason.strip(),
        finished_at=now if status == RunStatus.DISCARDED else None,
        retry_at=None,
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


def _strike(run_id: int, moves: "QuerySet[Move]", by: str, using: str) -> None:
    """Take moves out of a plan and put on record who did; the others keep their positions."""
    struck = Fragment.of(moves.order_by().values_list("run_id", "sprout_id", "reverses_event_id"), using)
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO advancement_left_out (run_id, sprout_id, event_id, bucket, reason)
            SELECT struck.*, 'skipped', %(reason)s FROM ({struck.sql}) AS struck
            """,
            {**struck.constants, "reason": f"{by} took it out of the plan."},
        )
    deleted = moves.delete()[0]
    Run.objects.using(using).filter(pk=run_id).update(moves_struck=deleted)
