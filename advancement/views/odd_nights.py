"""Unusual nights of rules: which of them somebody should look at, and what still stands of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef

from advancement.history import Night
from advancement.models import AdvancementEvent, AdvancementRule, RuleVersion, Run
from advancement.remembered import remembered_while
from advancement.rollback.reversals import rolled_back_so_far
from advancement.rollback.scope import Counted, count_standing
from advancement.rulebook.reading import switches
from advancement.views.paging import MOST_COUNTED

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True)
class OddNight:
    """A rule's unusual night: what still stands of its moves, and the version that made the last of them.

    `switched`: that version only switched its rule.
    """

    rule: AdvancementRule
    night: Night
    standing: Counted
    version: RuleVersion | None
    switched: bool = False


def is_odd(rule: AdvancementRule, night: Night) -> bool:
    """Whether a rule had an unusual night that nobody expects; one that is off cannot move too little."""
    on = rule.archived_at is None and rule.active_version is not None and rule.active_version.enabled
    return not night.expected_by and (night.spike or (on and night.slump))


def still_odd(odd: Iterable[tuple[AdvancementRule, Night]]) -> Iterator[OddNight]:
    """Yield unusual nights with what still stands of them, but for those that were taken back."""
    for rule, night in odd:
        since, until = (datetime.combine(day, time.min, UTC) for day in (night.day, night.ends))
        events = AdvancementEvent.objects.filter(rule_id=rule.pk, timestamp__gte=since, timestamp__lt=until)
        name = f"{rule.pk}-{night.day}-{night.count}"
        standing = _standing(name, events)
        if night.slump or not standing.nothing:
            version = _version(rule, events)
            yield OddNight(rule, night, standing, version, bool(version and switches([version])))


def taken_back_of(judged: Iterable[tuple[AdvancementRule, Night]], day: date) -> dict[str, int]:
    """Return how many of its moves of a UTC day are taken back by now, by rule; the others have none."""
    counts = {rule.pk: night.count for rule, night in judged if night.count}
    if not counts or not any(so_far := rolled_back_so_far()):
        return {}
    since, until = (datetime.combine(each, time.min, UTC) for each in (day, day + timedelta(days=1)))
    reversal = AdvancementEvent.objects.filter(reverses=OuterRef("pk"))
    restoring = AdvancementEvent.objects.filter(reverses__reverses=OuterRef("pk"))
    back = AdvancementEvent.objects.filter(
        Exists(reversal), ~Exists(restoring), rule_id__in=counts, timestamp__gte=since, timestamp__lt=until
    )
    by_rule = back.order_by().values_list("rule_id").annotate(count=Count("pk"))
    rules = sha256(" ".join(sorted(counts)).encode()).hexdigest()[:16]
    state = f"{day}-{rules}-{sum(counts.values())}-{so_far[0]}-{so_far[1]}"
    return remembered_while("taken-back-of", state, lambda: {rule or "": count for rule, count in by_rule})


def standing_of_run(run: Run) -> Counted:
    """Count what still stands of what a run moved."""
    return _standing(f"run-{run.pk}-{run.cursor}", AdvancementEvent.objects.filter(run_id=run.pk))


def _standing(name: str, events: "QuerySet[AdvancementEvent]") -> Counted:
    """Count what still stands of some events; `name` changes with what they are."""
    look = partial(count_standing, events, MOST_COUNTED)
    return remembered_while(f"standing-{name}", str(rolled_back_so_far()).replace(" ", ""), look)


def _version(rule: AdvancementRule, events: "QuerySet[AdvancementEvent]") -> RuleVersion | None:
    """Return the version that made the last of the moves; without any, the one that is active."""
    number = events.order_by("-timestamp").values_list("rule_version", flat=True).first()
    if number is None or (rule.active_version and rule.active_version.number == number):
        return rule.active_version
    return RuleVersion.objects.prefetch_related("criteria").filter(rule=rule, number=number).first()
