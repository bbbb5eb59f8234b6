"""Why a run that waits for the cluster has not been taken up yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from advancement.database.clock import database_now
from advancement.models import Run
from advancement.runs.lease import UNFINISHED

# An idle cluster takes up what it was woken for within a second or two.
USUAL_WAIT: Final = timedelta(seconds=6)


@dataclass(frozen=True)
class Waiting:
    """A run that nobody works on: since when, and the run that is worked on before it, if there is one.

    Without one, and after more than the usual time, no cluster seems to run.
    """

    since: datetime
    long: bool
    behind: Run | None


def waiting(run: Run, *, using: str = "default") -> Waiting | None:
    """Return how a run waits to be taken up; None when somebody works on it, or it is at its end."""
    if run.status not in UNFINISHED:
        return None
    now = database_now(using)
    if run.lease_expires_at is not None and run.lease_expires_at > now:
        return None
    since = run.decided_at or run.created_at
    behind = being_worked_on(now, using=using).exclude(pk=run.pk).order_by("id").first()
    return Waiting(since, now - since > USUAL_WAIT, behind)


def being_worked_on(now: datetime, *, using: str = "default") -> QuerySet[Run]:
    """Return the runs that a worker holds the lease of."""
    return Run.objects.using(using).filter(status__in=UNFINISHED, lease_expires_at__gt=now)
