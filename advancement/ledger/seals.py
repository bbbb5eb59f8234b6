"""Seal the runs that have ended: one chain, in which each seal includes the hash of the one before it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connections, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.locks import lock_seals
from advancement.ledger.hashes import event_hash, hash_events, hash_seal, stream
from advancement.models import Run, Seal
from advancement.models.runs import RunStatus

# A failed run may still be resumed, so it is sealed once it has succeeded or is cancelled.
ENDED: Final = (RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.DISCARDED)

_BATCH: Final = 1000


class Head(NamedTuple):
    """The newest seal of a chain, by number and hash; as text `N:HASH`."""

    seal: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seal}:{self.hash}"


# What the first seal includes, and the head of a chain that has none yet.
START: Final = Head(0, "0" * 64)


def head_of_chain(using: str = "default") -> Head:
    """Return the newest seal."""
    newest = Seal.objects.using(using).order_by("-number").values_list("number", "hash").first()
    return Head(*newest) if newest else START


def unsealed_runs(using: str = "default") -> "QuerySet[Run]":
    """Return the runs that have ended and have no seal yet, in order of finishing."""
    sealed = Exists(Seal.objects.filter(run_id=OuterRef("pk")))
    ended = Run.objects.using(using).filter(~sealed, status__in=ENDED)
    return ended.order_by(Coalesce("finished_at", "created_at"), "pk")


def seal_finished_runs(*, tell: Callable[[Seal], None] = lambda seal: None, using: str = "default") -> int:
    """Seal every run that has ended and has no seal yet; return how many this call sealed.

    `tell` is called with each of its seals, once that is stored.
    Each seal is a transaction of its own, so a call that was interrupted is carried on by the next.
    However many call this at once, there is one chain and a run has one seal.
    """
    sealed = 0
    while waiting := list(unsealed_runs(using).values_list("pk", flat=True)[:_BATCH]):
        for run_id in waiting:
            if seal := _seal(run_id, using):
                tell(seal)
                sealed += 1
    return sealed


def _seal(run_id: int, using: str) -> Seal | None:
    """Seal a run and return the seal; return None when somebody else has."""
    with transaction.atomic(using=using):
        limit_idling(using)
        lock_seals(using)
        if Seal.objects.using(using).filter(run_id=run_id).exists():
            return None
        return _append(run_id, head_of_chain(using), database_now(using), using)


def _append(run_id: int, head: Head, now: datetime, using: str) -> Seal:
    number = head.seal + 1
    events, events_hash = hash_events(_event_hashes(run_id, using))
    return Seal.objects.using(using).create(
        number=number,
        run_id=run_id,
        events=events,
        events_hash=events_hash,
        previous_hash=head.hash,
        hash=hash_seal(number, run_id, events, events_hash, head.hash, now),
        sealed_at=now,
    )


def _event_hashes(run_id: int, using: str) -> Iterator[str]:
    one = event_hash(connections[using].vendor)
    rows = stream(
        f"SELECT {one} FROM advancement_events AS e WHERE e.run_id = %s ORDER BY e.id", [run_id], using
    )
    return (value for (value,) in rows)
