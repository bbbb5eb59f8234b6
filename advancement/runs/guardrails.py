"""Guardrails: a plan that moves more than it should waits for a person, and what that person decides."""

from django.conf import settings

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus
from advancement.runs.sealing import seal_ended_runs

# Below so many candidates a large share is nothing unusual.
LEAST_CANDIDATES = 100


def limits_exceeded(run: Run) -> list[str]:
    """Return, as sentences, the guardrails that a run's plan exceeds; none for a dry run or once approved."""
    if run.kind != RunKind.ADVANCEMENT or run.dry_run or run.decided_at is not None:
        return []
    found = []
    share, most = settings.ADVANCEMENT_MAX_SHARE, settings.ADVANCEMENT_MAX_MOVES
    if run.evaluated >= LEAST_CANDIDATES and run.moves_planned > share * run.evaluated:
        found.append(
            f"It would move {run.moves_planned:,} of {run.evaluated:,} candidates, "
            f"more than the share of {share:g} that ADVANCEMENT_MAX_SHARE allows."
        )
    if most is not None and run.moves_planned > most:
        found.append(
            f"It would move {run.moves_planned:,} sprouts, "
            f"more than the {most:,} that ADVANCEMENT_MAX_MOVES allows."
        )
    return found


def approve(run_id: int, *, by: str, reason: str, using: str = "default") -> None:
    """Let a held run be applied, by whoever takes it up next.

    What changed since its plan is skipped, with the reason. Raise AdvancementError without a reason or
    when the run is not held.
    """
    _decide(run_id, RunStatus.APPROVED, by, reason, using)


def discard(run_id: int, *, by: str, reason: str, using: str = "default") -> None:
    """End a held run without a move; raise AdvancementError without a reason or when it is not held."""
    _decide(run_id, RunStatus.DISCARDED, by, reason, using)
    seal_ended_runs(using=using)


def _decide(run_id: int, status: RunStatus, by: str, reason: str, using: str) -> None:
    if not reason.strip():
        raise AdvancementError("A decision needs a reason; say why the run may go on or not.")
    now = database_now(using)
    runs = Run.objects.using(using).filter(pk=run_id)
    decided = runs.filter(status=RunStatus.HELD).update(
        status=status,
        decided_by=by,
        decided_at=now,
        decision_reason=reason.strip(),
        finished_at=now if status == RunStatus.DISCARDED else None,
    )
    if decided != 1:
        standing = runs.values_list("status", flat=True).first()
        raise AdvancementError(
            f"Run {run_id} is {standing}, not held: there is nothing to decide."
            if standing
            else f"There is no run {run_id}."
        )
