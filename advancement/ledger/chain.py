"""Checks of the seals: one chain without gaps over the events as they are, and every ended run sealed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

from django.db import connections
from django.db.models.functions import Coalesce

from advancement.database.clock import database_now
from advancement.ledger.findings import Check, check_by_list, check_by_query, counted
from advancement.ledger.hashes import event_hash, hash_events, hash_seal, stream
from advancement.ledger.seals import ENDED, START, Head, unsealed_runs
from advancement.models import Run, Seal

# Whoever ends a run seals it right after, and a tick a minute later what was left.
SEALING_TIME: Final = timedelta(minutes=1)

_CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class _Events:
    """The events of a sealed run as they are now."""

    number: int
    count: int
    hash: str


def check_seals(using: str) -> Check:
    """Each seal is the one after the seal before it, holds its own hash and that of its run's events."""
    title = "The seals form one chain over the events as they are"
    return check_by_list("seals", title, Seal.objects.using(using).count(), _broken(using))


def _broken(using: str) -> Iterator[str]:
    before = START
    for seal, events in _with_events(using):
        yield from _faults(seal, before, events)
        before = Head(seal.number, seal.hash)


def _faults(seal: Seal, before: Head, events: _Events) -> Iterator[str]:
    if seal.number != before.seal + 1:
        yield f"Seal {seal.number} comes after seal {before.seal}: those between them are missing."
    elif seal.previous_hash != before.hash:
        yield f"Seal {seal.number} does not include the hash of seal {before.seal}: the chain is broken."
    if seal.hash != hash_seal(
        seal.number, seal.run_id, seal.events, seal.events_hash, seal.previous_hash, seal.sealed_at
    ):
        yield f"Seal {seal.number} does not have the hash of what it says: it was changed."
    if events.count != seal.events:
        now = counted(events.count, "event")
        yield f"Run {seal.run_id} has {now}, but seal {seal.number} was set on {seal.events:,}."
    elif events.hash != seal.events_hash:
        yield f"The events of run {seal.run_id} are not as seal {seal.number} has them: they were changed."


def _with_events(using: str) -> Iterator[tuple[Seal, _Events]]:
    """Yield each seal, in order, with the events of its run."""
    streamed = _sealed_events(using)
    events = next(streamed, None)
    for seal in Seal.objects.using(using).order_by("number").iterator(chunk_size=_CHUNK):
        if events is not None and events.number == seal.number:
            yield seal, events
            events = next(streamed, None)
        else:
            yield seal, _Events(seal.number, *hash_events([]))


def _sealed_events(using: str) -> Iterator[_Events]:
    rows = stream(
        f"SELECT s.number, {event_hash(connections[using].vendor)} FROM advancement_seals AS s"
        " JOIN advancement_events AS e ON e.run_id = s.run_id ORDER BY s.number, e.id",
        [],
        using,
    )
    for number, group in groupby(rows, key=itemgetter(0)):
        yield _Events(number, *hash_events(value for _, value in group))


def check_sealed_runs(using: str) -> Check:
    """Each run that ended more than a minute ago has its seal."""
    ended = Run.objects.using(using).filter(status__in=ENDED)
    late = unsealed_runs(using).annotate(ended_at=Coalesce("finished_at", "created_at"))
    late = late.filter(ended_at__lt=database_now(using) - SEALING_TIME)
    sentences = (
        f"Run {run} is {status} since {ended_at:%Y-%m-%d %H:%M} UTC, but has no seal."
        for run, status, ended_at in late.values_list("pk", "status", "ended_at").iterator(chunk_size=_CHUNK)
    )
    return check_by_list("sealed_runs", "Each run that has ended is sealed", ended.count(), sentences)


def check_seal_runs(using: str) -> Check:
    """Each seal is of a run that exists and has ended."""
    statuses = ", ".join(f"'{status}'" for status in ENDED)
    return check_by_query(
        "seal_runs",
        "Each seal is of a run that has ended",
        counting="advancement_seals",
        faults=f"""
            SELECT s.number, s.run_id, COALESCE('which is ' || r.status, 'which does not exist')
            FROM advancement_seals AS s LEFT JOIN advancement_runs AS r ON r.id = s.run_id
            WHERE r.id IS NULL OR r.status NOT IN ({statuses})
        """,
        sentence=lambda number, run, fault: f"Seal {number} is of run {run}, {fault}.",
        using=using,
    )
