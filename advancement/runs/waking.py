"""Wake up the task clusters: what is to be done stands in our own tables, so a wake-up carries nothing."""

from typing import Final

from django_q.brokers import get_broker
from django_q.tasks import async_task

RUNS_CLUSTER: Final = "runs"
NOTIFICATIONS_CLUSTER: Final = "notifications"

_TASKS: Final = {RUNS_CLUSTER: "work", NOTIFICATIONS_CLUSTER: "send_notifications"}


def wake_up(cluster: str) -> bool:
    """Let a cluster look for work at once; return False when a wake-up waits for it already."""
    if get_broker(cluster).queue_size() > 0:
        return False
    task = _TASKS[cluster]
    async_task(f"advancement.tasks.{task}", cluster=cluster, task_name=f"advancement {task}")
    return True
