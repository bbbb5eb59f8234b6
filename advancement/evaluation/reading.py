"""From where a preview reads its candidates: the tables, a sample of them, or a copy."""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.core.cache import cache
from django.db import connections

from advancement.criteria.rules import RuleDefinition
from advancement.database.clock import database_now
from advancement.database.snapshot import one_snapshot
from advancement.evaluation.candidates import (
    Candidates,
    Place,
    place_of,
    sampled_candidates,
    sprouts_in,
    stored_candidates,
)
from advancement.evaluation.preview_cache import build_copy, columns_of, copied_candidates

# Up to so many candidates are read straight from the tables; of more, about so many make a sample.
FEW: Final = 10_000
SAMPLE: Final = 5_000
# How long the number of a tier's sprouts is taken for what it was.
_REMEMBERED_SECONDS: Final = 300


@contextlib.contextmanager
def candidates_of(
    definition: RuleDefinition, others: Iterable[RuleDefinition], *, exact: bool, using: str
) -> Iterator[Candidates]:
    """Read the candidates of a rule in one snapshot, in a form that it and the others can judge.

    On PostgreSQL, many candidates are read from a copy of them if there is one that holds; without one
    from a sample, unless `exact` asks for a copy to be made first. On SQLite always all of them, straight
    from the tables.
    """
    place, columns = place_of(definition), columns_of([definition, *others])
    total = None
    if connections[using].vendor == "postgresql":
        there = copied_candidates(place, columns, database_now(using), using)
        total = None if there else _count(place, using)
        if exact and total is not None and total > FEW and build_copy(place, columns, using):
            total = None
    with one_snapshot(using):
        _give_room(using)
        as_of = database_now(using)
        yield (
            copied_candidates(place, columns, as_of, using)
            or _sample(place, as_of, total, using)
            or stored_candidates(place, as_of, using)
        )


def _sample(place: Place, as_of: datetime, total: int | None, using: str) -> Candidates | None:
    if total is None or total <= FEW:
        return None
    return sampled_candidates(place, as_of, SAMPLE, total, using)


def _count(place: Place, using: str) -> int:
    """Return how many sprouts are in a place, or were some minutes ago."""
    key = f"advancement.preview.{using}.{blake2b(repr(place).encode(), digest_size=16).hexdigest()}"
    known: int | None = cache.get(key)
    if known is None:
        known = sprouts_in(place, using).count()
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


def _give_room(using: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
