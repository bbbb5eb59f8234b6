"""Review a plan before it is applied: strike moves out of it and put them back."""

from django.db import transaction
from django.db.models import F, QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.models import Move, Run
from advancement.models.runs import RunStatus


class ReviewChanged(AdvancementError):
    """Somebody struck moves out of this plan, or put some back, since you looked at it; look again."""


def under_review(run: Run) -> bool:
    """Whether moves may be struck out of the run's plan: it waits for a person and nothing was applied."""
    return (run.status == RunStatus.PLANNED and run.dry_run) or run.status == RunStatus.HELD


def set_struck(run_id: int, moves: "QuerySet[Move]", *, struck: bool, using: str = "default") -> int:
    """Strike moves of a run's plan out, or put them back; return how many that changed.

    Of a sprout with several steps, all go together. Raise AdvancementError when the plan does not wait
    for a person any more.
    """
    with transaction.atomic(using=using):
        lock_reviewed(run_id, using=using)
        sprouts = moves.filter(run=run_id).order_by().values("sprout")
        mine = Move.objects.using(using).filter(run=run_id, struck=not struck, sprout__in=sprouts)
        changed = mine.update(struck=struck)
        if changed:
            Run.objects.using(using).filter(pk=run_id).update(review_revision=F("review_revision") + 1)
        return changed


def lock_reviewed(run_id: int, revision: int | None = None, *, using: str = "default") -> Run:
    """Lock a run whose plan waits for a person and return it.

    Raise AdvancementError when it does not wait any more, ReviewChanged when the plan is not as it was at
    that revision of its review.
    """
    run = Run.objects.using(using).select_for_update().filter(pk=run_id).first()
    if run is None:
        raise AdvancementError(f"There is no run {run_id}.")
    if not under_review(run):
        raise AdvancementError(f"The plan of run {run_id} was decided about already: it is {run.status}.")
    if revision is not None and run.review_revision != revision:
        raise ReviewChanged(str(ReviewChanged.__doc__))
    return run
