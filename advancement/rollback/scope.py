"""Which events a rollback is about: of a rule, run, sprout, time; or, to undo one, all that it did."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from advancement.models import AdvancementEvent, AdvancementRule, Run


@dataclass(frozen=True)
class RollbackRequest:
    """What somebody asks to be taken back, and what is to happen with it afterwards.

    The scope is all advancements that meet `rule`, `run`, `sprout`, `since` and `until`, both ends included,
    as far as they are given; or, with `undoes`, everything that this rollback did. `hold_until` of None with
    `hold` means until the hold is released.
    """

    reason: str
    requested_by: str
    rule: str = ""
    run: int | None = None
    sprout: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    undoes: int | None = None
    excluded: tuple[UUID, ...] = ()
    unwind: bool = False
    disable_rules: bool = False
    hold: bool = False
    hold_until: datetime | None = None
    dry_run: bool = False


def advanced() -> Q:
    """Events that advanced a sprout: by a rule, or by undoing the rollback of such a one."""
    return Q(rule_id__isnull=False)


def _of_run(run_id: int, using: str) -> Q:
    """The advancements of a run, and those that stand for them since a rollback of them was undone."""
    found, path = Q(run_id=run_id), "run_id"
    # Few runs undo anything, and without one of them nothing was restored.
    concerned = Q(undoes__scope_run_id=None) | Q(undoes__scope_run_id=run_id) | Q(undoes__unwind=True)
    undos = Run.objects.using(using).filter(concerned, undoes__isnull=False, pk__gt=run_id)
    keys = list(undos.values_list("pk", flat=True))
    while keys:
        path = f"reverses__reverses__{path}"
        restored = AdvancementEvent.objects.using(using).filter(advanced(), run_id__in=keys, **{path: run_id})
        if not restored.exists():
            break
        found |= Q(pk__in=restored.order_by().values("pk"))
    return found


def events_in_scope(run: Run, using: str = "default") -> "QuerySet[AdvancementEvent]":
    """Return the events that a rollback is about, whatever became of them since."""
    events = AdvancementEvent.objects.order_by()
    if run.undoes_id:
        return events.filter(run_id=run.undoes_id)
    events = events.filter(advanced())
    if run.scope_sprout_id is not None:
        events = events.filter(sprout_id=run.scope_sprout_id)
    if run.scope_rule_id:
        events = events.filter(rule_id=run.scope_rule_id)
    elif run.scope_run_id is None and run.scope_sprout_id is None:
        # Names the rules, so that the index by rule and time serves this as well.
        events = events.filter(rule_id__in=AdvancementRule.objects.values("id"))
    if run.scope_run_id is not None:
        events = events.filter(_of_run(run.scope_run_id, using))
    if run.scope_since is not None:
        events = events.filter(timestamp__gte=run.scope_since)
    if run.scope_until is not None:
        events = events.filter(timestamp__lte=run.scope_until)
    return events


def events_to_judge(run: Run, using: str = "default") -> "QuerySet[AdvancementEvent]":
    """Return the events in a rollback's scope, each advancement once.

    One that was restored is left to the event that stands for it since.
    """
    events = events_in_scope(run, using)
    if run.undoes_id:
        return events
    return events.filter(~Exists(AdvancementEvent.objects.filter(reverses__reverses=OuterRef("pk"))))


@dataclass(frozen=True)
class Counted:
    """How many of some events stand, or `more` than that; how many are taken back of those looked at.

    `whole` says that all of them were looked at.
    """

    standing: int
    more: bool
    taken_back: int
    whole: bool

    @property
    def nothing(self) -> bool:
        """Whether none of them can be taken back any more."""
        return not self.standing


def count_standing(events: "QuerySet[AdvancementEvent]", most: int) -> Counted:
    """Count which of the events in a scope stand and which are taken back, looking at so many at most.

    One that was restored is neither: the event that stands for it since is counted.
    """
    reversal = AdvancementEvent.objects.filter(reverses=OuterRef("pk"))
    restoring = AdvancementEvent.objects.filter(reverses__reverses=OuterRef("pk"))
    looked_at = events.order_by().annotate(turned=Exists(reversal), restored=Exists(restoring))
    counts = looked_at.values("pk", "turned", "restored")[: most + 1].aggregate(
        all=Count("pk"),
        standing=Count("pk", filter=Q(turned=False)),
        back=Count("pk", filter=Q(turned=True, restored=False)),
    )
    standing, whole = counts["standing"], counts["all"] <= most
    if not whole and standing < counts["all"]:  # there may be others behind those that were taken back
        standing = events.order_by().filter(~Exists(reversal))[: most + 1].count()
    return Counted(min(standing, most), standing > most, min(counts["back"], most), whole)
