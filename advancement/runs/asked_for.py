"""Whether somebody does what people asked the task clusters for: imports, and refreshes of the signals."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from advancement.criteria.wording import join_words
from advancement.database.clock import database_now
from advancement.importing.uploads import OPEN
from advancement.models import SignalRequest, Upload
from advancement.runs.waiting import at_work
from advancement.runs.waking import RUNS_CLUSTER

# The clusters are woken up for it, and wake up by themselves every minute.
_PATIENCE: Final = timedelta(minutes=2)


def asked_for_fault(*, using: str = "default") -> str | None:
    """Say what nobody has taken up, or taken up again, for longer than a wake-up takes while none is busy."""
    now = database_now(using)
    if at_work(now, using=using):
        return None
    imports = Upload.objects.using(using).filter(_neglected("waits_since", now), status__in=OPEN).count()
    wishes = SignalRequest.objects.using(using).filter(_neglected("asked_at", now), finished_at__isnull=True)
    found = ["an import" if imports == 1 else f"{imports:,} imports"] if imports else []
    found += ["a refresh of the signals"] if wishes.exists() else []
    if not found:
        return None
    return f"Nobody takes up {join_words(found, 'and')}: see that the cluster {RUNS_CLUSTER} is running."


def _neglected(since: str, now: datetime) -> Q:
    never = Q(("lease_expires_at__isnull", True), (f"{since}__lt", now - _PATIENCE))
    return never | Q(lease_expires_at__lt=now - _PATIENCE)
