"""A newer plan takes the place of older ones that nobody decided about."""

from advancement.database.clock import database_now
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.runs.log import note_each
from advancement.runs.sealing import seal_ended_runs


def supersede_older(run_id: int, using: str = "default") -> None:
    """Drop the open moves of earlier dates that failed or wait for a decision: this run's plan is newer.

    Extra runs may have another scope, so they stay as they are.
    """
    older = Run.objects.using(using).filter(
        kind=RunKind.ADVANCEMENT,
        trigger=RunTrigger.SCHEDULE,
        id__lt=run_id,
        status__in=[RunStatus.HELD, RunStatus.FAILED],
    )
    cancelled = older.update(
        status=RunStatus.CANCELLED,
        superseded_by=run_id,
        retry_at=None,
        finished_at=database_now(using),
    )
    if cancelled:
        dropped = Run.objects.using(using).filter(superseded_by=run_id).values_list("pk", flat=True)
        said = f"Superseded by run {run_id}, a newer one; what was not moved yet is dropped."
        note_each(dict.fromkeys(dropped, said), using=using)
        seal_ended_runs(using=using)  # the newer run may still take long
