"""Make the plan of a rollback that somebody is about to review."""

from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.models import Move, Run, Sprout
from advancement.models.runs import RunStatus, RunTrigger
from advancement.rollback.scope import RollbackRequest, events_in_scope
from advancement.runs.decisions import discard
from advancement.runs.review import set_struck
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from advancement.views.paging import count_up_to

# Up to so many events a plan takes about a second, so it is made at once, whether or not a cluster runs and
# however busy it is. A larger one is left to the cluster.
MOST_AT_ONCE: Final = 100_000
# Exclusions that a plan made by the cluster can be given beforehand.
MOST_EXCLUDED: Final = 1_000


def make_plan(request: RollbackRequest, *, at_once: bool) -> Run:
    """Start the dry run of a rollback, and work on it here when it is to be made at once.

    Raise AdvancementError when it cannot be: see `start_rollback`. A plan that fails is returned as it is.
    """
    run = start_rollback(request, trigger=RunTrigger.CONSOLE, leased=at_once)
    return work_on(run.pk, run.lease_token) if at_once else run


def plan_again(run: Run, *, unwind: bool, reason: str, by: str) -> Run:
    """Plan a rollback anew, from what is there now, in place of the given plan; what was excluded stays so.

    Raise AdvancementError when the new one cannot be started, or when more is excluded than can be handed
    on to it.
    """
    _, large = count_up_to(events_in_scope(run), MOST_AT_ONCE)
    struck = Move.objects.filter(run=run.pk, struck=True, step=1).order_by()
    new = make_plan(
        RollbackRequest(
            reason=reason,
            requested_by=by,
            rule=run.scope_rule_id,
            run=run.scope_run_id,
            sprout=run.scope_sprout_id,
            since=run.scope_since,
            until=run.scope_until,
            undoes=run.undoes_id,
            excluded=_excluded(run, struck if large else struck.none()),
            unwind=unwind,
            dry_run=True,
        ),
        at_once=not large,
    )
    if not large and new.status == RunStatus.PLANNED:
        set_struck(new.pk, Move.objects.filter(sprout__in=struck.values("sprout")), struck=True)
    replace(run.pk, new, by=by)
    return new


def _excluded(run: Run, struck: "QuerySet[Move]") -> tuple[UUID, ...]:
    """Return the sprouts to leave out from the start, as far as they still exist."""
    keys = list(struck.values_list("sprout_id", flat=True)[: MOST_EXCLUDED + 1])
    if len(keys) > MOST_EXCLUDED:
        raise AdvancementError(
            f"More than {MOST_EXCLUDED:,} sprouts are excluded, too many to be handed on to a plan that the "
            "cluster makes. Put them back, plan again, then exclude them."
        )
    return tuple(Sprout.objects.filter(pk__in=[*run.excluded, *keys]).values_list("pk", flat=True))


def replace(old: int, new: Run, *, by: str) -> None:
    """Drop a plan that another one takes the place of; one that was decided about stays as it is."""
    waits = Run.objects.filter(pk=old, kind=new.kind, dry_run=True, status=RunStatus.PLANNED)
    if waits.exists():
        discard(old, by=by, reason=f"Planned again as run {new.pk}.")
