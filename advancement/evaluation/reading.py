"""From where a preview reads its candidates: the tables, a sample of them, or a copy."""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.core.cache import cache
from django.db import connections

from advancement.criteria.rules import RuleDefinition
from advancement.database.changes import rows_written
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
from advancement.evaluation.preview_cache import build_copy, columns_of, copied_candidates, newest_event

# Up to so many candidates are read straight from the tables; of more, about so many make a sample.
FEW: Final = 10_000
SAMPLE: Final = 5_000
# How long it is remembered how many sprouts a tier had.
_REMEMBERED_SECONDS: Final = 3600


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
        with _snapshot(using) as as_of:
            if copied := copied_candidates(place, columns, as_of, using):
                yield copied
                return
        total = _count(place, using)
        if exact and total > FEW:
            build_copy(place, columns, using)
    with _snapshot(using) as as_of:
        if total is None or total <= FEW:
            _look_signals_up(using)
            yield stored_candidates(place, as_of, using)
        elif copied := copied_candidates(place, columns, as_of, using):
            yield copied
        else:
            _look_signals_up(using)
            yield sampled_candidates(place, as_of, SAMPLE, total, using)


def _count(place: Place, using: str) -> int:
    """Return how many sprouts are in a place; counted again when one was moved, added or deleted."""
    written = (newest_event(using), rows_written("sprouts", using))
    digest = blake2b(repr((using, place, written)).encode(), digest_size=16).hexdigest()
    key = f"advancement.preview.{digest}"
    known: int | None = cache.get(key)
    if known is None:
        known = sprouts_in(place, using).count()
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


@contextlib.contextmanager
def _snapshot(using: str) -> Iterator[datetime]:
    """Read in one snapshot, with room to sort; gives its time."""
    with one_snapshot(using):
        _set("jit = off", "work_mem = '64MB'", using=using)
        yield database_now(using)


def _look_signals_up(using: str) -> None:
    """Let PostgreSQL look the signals of some sprouts up one by one.

    It overrates how many rows a join with them yields, and would read all signals of the grove.
    """
    _set("enable_hashjoin = off", "enable_mergejoin = off", using=using)


def _set(*settings: str, using: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("; ".join(f"SET LOCAL {setting}" for setting in settings))
