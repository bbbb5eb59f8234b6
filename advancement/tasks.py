"""What the task clusters execute. Wake-ups only: what is to be done stands in our own tables."""

import logging

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task

from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus
from advancement.runs.schedule import note_tick, something_to_do, work_off

logger = logging.getLogger(__name__)

RUNS_CLUSTER = "runs"


def tick() -> bool:
    """Once a minute, on the quick cluster: wake up the long-running one when something is due.

    Idempotent; returns whether it woke it up. Wake-ups do not pile up while that cluster is away.
    """
    try:
        due = something_to_do()
        note_tick()
    except DatabaseError as error:  # a migration is still to come, or the server is away
        logger.error("The schedule cannot be looked at: %s", str(error).partition("\n")[0])
        return False
    if not due or get_broker(RUNS_CLUSTER).queue_size() > 0:
        return False
    async_task("advancement.tasks.work", cluster=RUNS_CLUSTER, task_name="advancement work")
    return True


def work() -> list[str]:
    """On the long-running cluster: resume what was left lying, then do the date that is due."""
    runs = work_off()
    for run in runs:
        logger.info(_line(run))
    return [f"run {run.pk} {run.status}" for run in runs]


def _line(run: Run) -> str:
    """Say what became of a run, with its figures, and why where it did not come to its end."""
    if run.status == RunStatus.SUCCEEDED and run.kind == RunKind.ADVANCEMENT:
        figures = f"{run.advanced:,} of {run.evaluated:,} sprouts advanced, {run.skipped:,} skipped."
        return f"Run {run.pk} succeeded: {figures}"
    why = [run.error] if run.error else run.held_because
    return " ".join([f"Run {run.pk} is {run.status}: {run.moves_planned:,} moves planned.", *why])
