"""What a look at very many rows found is remembered: of a plan until it changes, of others for a while."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.core.cache import cache, caches

from advancement.models import Run

Found = TypeVar("Found")
Counts = TypeVar("Counts", bound=Mapping[Any, int])

# A smaller plan is looked at anew.
MANY: Final = 2_000
_REMEMBERED: Final = timedelta(hours=12)
# So many rows are counted anew each time.
COUNTED_ANEW: Final = 50_000
LATELY: Final = timedelta(minutes=1)


def remembered(run: Run, what: str, look: Callable[[], Any], using: str) -> Any:
    """Return what `look` finds out about a run's plan, for a large one as it was found before.

    `what` names the question. It must depend on nothing but the plan, its review and how far the run has got.
    """
    if run.moves_planned < MANY:
        return look()
    state = (run.planned_at, run.review_revision, run.moves_struck, run.status, run.cursor)
    key = f"plan-{what}-{using}-{run.pk}-{'-'.join(str(part).replace(' ', 'T') for part in state)}"
    if (known := cache.get(key)) is None:
        known = look()
        cache.set(key, known, _REMEMBERED.total_seconds())
    return known


def remembered_while(question: str, state: str, look: Callable[[], Found]) -> Found:
    """Return what `look` finds out, as it was found before while the state that it depends on stays."""
    process = caches["process"]
    key = f"{question}-{state}"
    known: Found | None = process.get(key)
    if known is None:
        known = look()
        process.set(key, known, _REMEMBERED.total_seconds())
    return known


def counted_lately(what: str, count: Callable[[], Counts], *, within: timedelta = LATELY) -> Counts:
    """Return counts of rows, of very many as they were at most a minute ago, or as long as `within` says.

    `what` names the question, and is all that it depends on besides the time.
    """
    process = caches["process"]
    known: Counts | None = process.get(what)
    if known is None:
        known = count()
        if sum(known.values()) > COUNTED_ANEW:
            process.set(what, known, within.total_seconds())
    return known
