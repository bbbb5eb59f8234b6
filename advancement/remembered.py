"""What takes a look at all moves of a plan is remembered until the plan or the run's state changes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.core.cache import cache

from advancement.models import Run

# A smaller plan is looked at anew.
MANY: Final = 2_000
_REMEMBERED: Final = timedelta(hours=12)


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
