"""What the task clusters execute. Wake-ups only: what is to be done stands in our own tables."""

import logging
from typing import Final

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task

from advancement.notifications.outbox import something_to_send
from advancement.notifications.send import send_due
from advancement.runs.schedule import note_tick, something_to_do, work_off

logger = logging.getLogger(__name__)

RUNS_CLUSTER: Final = "runs"
NOTIFICATIONS_CLUSTER: Final = "notifications"

# No message is begun after that, so that the last one ends before the cluster ends the task.
_SENDING_SECONDS: Final = 20.0


def tick() -> bool:
    """Once a minute, on the quick cluster: wake up the others when something is due for them.

    Idempotent; returns whether it woke one up. Wake-ups do not pile up while a cluster is away.
    """
    try:
        run_due, message_due = something_to_do(), something_to_send()
        note_tick()
    except DatabaseError as error:  # a migration is still to come, or the server is away
        logger.error("The schedule cannot be looked at: %s", str(error).partition("\n")[0])
        return False
    woken = [
        run_due and _wake_up(RUNS_CLUSTER, "work"),
        message_due and _wake_up(NOTIFICATIONS_CLUSTER, "send_notifications"),
    ]
    return any(woken)


def work() -> list[str]:
    """On the long-running cluster: resume what was left lying, then do the date that is due."""
    runs = work_off()
    for run in runs:
        logger.info("Run %s is %s. %s", run.pk, run.status, run.error)
    return [f"run {run.pk} {run.status}" for run in runs]


def send_notifications() -> list[str]:
    """On the cluster that talks to receivers: send what is due, as long as there is time."""
    return [f"{result.message} {result.status}" for result in send_due(seconds=_SENDING_SECONDS)]


def _wake_up(cluster: str, task: str) -> bool:
    if get_broker(cluster).queue_size() > 0:
        return False
    async_task(f"advancement.tasks.{task}", cluster=cluster, task_name=f"advancement {task}")
    return True
