"""The task clusters: which processes are alive, what waits for them, what they did last."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.cache import cache
from django.db.models import Count, Max, Q
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.signing import BadSignature, SignedPackage

from advancement.runs.waking import NOTIFICATIONS_CLUSTER, RUNS_CLUSTER

_TASKS: Final = {
    "control": "advancement.tasks.tick",
    RUNS_CLUSTER: "advancement.tasks.work",
    NOTIFICATIONS_CLUSTER: "advancement.tasks.send_notifications",
}


@dataclass(frozen=True)
class Cluster:
    """A task cluster by what it has to do: tasks that wait, the last that ended well, those that failed."""

    name: str
    waiting: int
    last_done: datetime | None
    failed: int


@dataclass(frozen=True)
class Heartbeat:
    """A process group of a cluster that has said within seconds that it is alive."""

    host: str
    process: int
    since: datetime
    status: str


def clusters() -> list[Cluster]:
    """Return the clusters, as far as their tasks are still on record."""
    waiting = dict(OrmQ.objects.order_by().values_list("key").annotate(count=Count("pk")))
    tasks = Task.objects.order_by().values_list("func")
    done = {
        function: (last, failed)
        for function, last, failed in tasks.annotate(
            last=Max("stopped", filter=Q(success=True)), failed=Count("pk", filter=Q(success=False))
        )
    }
    return [
        Cluster(name, waiting.get(name, 0), *done.get(function, (None, 0)))
        for name, function in _TASKS.items()
    ]


def heartbeats() -> list[Heartbeat]:
    """Return the process groups that are alive now, the longest-lived first.

    Which cluster one belongs to it does not say. The clusters' own look at this would write to the cache.
    """
    packed = cache.get_many(cache.get(Conf.Q_STAT) or [])
    return sorted(_unpacked(packed.values()), key=lambda beat: beat.since)


def _unpacked(packed: Iterable[str]) -> Iterator[Heartbeat]:
    for pack in packed:
        try:
            stat = SignedPackage.loads(pack)
        except BadSignature:  # of another installation, with a key of its own
            continue
        yield Heartbeat(stat.host, stat.pid, stat.tob, str(stat.status))
