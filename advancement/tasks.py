"""What the task clusters execute. Wake-ups only: what is to be done stands in our own tables."""

import logging
from datetime import timedelta
from typing import Final

from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Q
from django_q.models import Task

from advancement.database.clock import database_now
from advancement.evaluation.preview_cache import forget_old_copies
from advancement.history import note_ended_days
from advancement.importing.uploads import something_uploaded, work_on_uploads
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus
from advancement.notifications.outbox import something_to_send
from advancement.notifications.send import send_due
from advancement.runs.counting import count_after_runs
from advancement.runs.refreshing import refresh_asked_for, refresh_when_asked
from advancement.runs.schedule import note_tick, something_to_do, work_off
from advancement.runs.sealing import seal_ended_runs
from advancement.runs.standing import counted_skipped
from advancement.runs.waking import NOTIFICATIONS_CLUSTER, RUNS_CLUSTER, wake_up

logger = logging.getLogger(__name__)

# No message is begun after that, so that the last one ends before the cluster ends the task.
_SENDING_SECONDS: Final = 20.0

# How long the clusters' records of their tasks are kept; what a run did stands in our own tables.
KEEP_SUCCEEDED: Final = timedelta(days=7)
KEEP_FAILED: Final = timedelta(days=30)
_PRUNE_EVERY: Final = timedelta(hours=1)


def tick() -> bool:
    """Once a minute, on the quick cluster: wake up the others when something is due for them.

    Idempotent; returns whether it woke one up. Wake-ups do not pile up while a cluster is away. Runs
    whose worker died before it sealed them are sealed here.
    """
    try:
        run_due = something_to_do() or something_uploaded() or refresh_asked_for()
        message_due = something_to_send()
        note_tick()
        prune_tasks()
        note_ended_days()
    except DatabaseError as error:  # a migration is still to come, or the server is away
        logger.error("The schedule cannot be looked at: %s", str(error).partition("\n")[0])
        return False
    seal_ended_runs()
    woken = [
        run_due and wake_up(RUNS_CLUSTER),
        message_due and wake_up(NOTIFICATIONS_CLUSTER),
    ]
    return any(woken)


def work() -> list[str]:
    """On the long-running cluster: resume what was left lying, do the date that is due, then import files.

    Then refresh the signals for whoever asked for it, with what was imported just now. Afterwards, when
    nobody waits any more, count what the rules match.
    """
    runs = work_off()
    work_on_uploads()
    refresh_when_asked()
    for run in runs:
        logger.info(_line(run))
    count_after_runs()
    return [f"run {run.pk} {run.status}" for run in runs]


def _line(run: Run) -> str:
    """Say what became of a run, with its figures, and why where it did not come to its end."""
    if run.status == RunStatus.SUCCEEDED and run.kind == RunKind.ADVANCEMENT:
        figures = f"{run.advanced:,} of {run.evaluated:,} sprouts advanced, {counted_skipped(run):,} skipped."
        return f"Run {run.pk} succeeded: {figures}"
    why = [run.error] if run.error else run.held_because
    return " ".join([f"Run {run.pk} is {run.status}: {run.moves_planned:,} moves planned.", *why])


def prune_tasks() -> int:
    """Delete the clusters' records of old tasks, at most once an hour; return how many there were.

    What previews copied and do not use any more goes as well.
    """
    if not cache.add("advancement.prune_tasks", True, _PRUNE_EVERY.total_seconds()):
        return 0
    forget_old_copies()
    now = database_now()
    old = Q(success=True, stopped__lt=now - KEEP_SUCCEEDED) | Q(success=False, stopped__lt=now - KEEP_FAILED)
    return int(Task.objects.filter(old).delete()[0])


def send_notifications() -> list[str]:
    """On the cluster that talks to receivers: send what is due, as long as there is time."""
    return [f"{result.message} {result.status}" for result in send_due(seconds=_SENDING_SECONDS)]
