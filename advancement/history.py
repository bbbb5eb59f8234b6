"""What the rules did day by day, and whether the last night was as usual."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from statistics import median
from typing import Final

from django.db.models import Count, Exists, Max, OuterRef
from django.db.models.functions import TruncDate

from advancement.database.clock import database_now
from advancement.models import AdvancementEvent, AdvancementRule, DailyCount, Run
from advancement.models.events import AdvancementEventType
from advancement.models.runs import RunKind
from advancement.remembered import counted_lately

SHOWN_DAYS: Final = 30
USUAL_DAYS: Final = 28
# A rule that moved its first sprout less than that ago has no usual night yet.
NEW_FOR: Final = timedelta(days=7)
# Below so many moves nothing is far off, however unusual; above, this many times the usual is.
_LEAST: Final = 10
_TIMES: Final = 5
_ABOVE: Final = 2

_ALL: Final = ""

Counts = dict[str, dict[date, int]]


@dataclass(frozen=True)
class Night:
    """What a rule did on a UTC day beside its usual night.

    `days` are the counts of the last thirty days, that one last; `usual` is the median of the 28 days before.
    """

    rule: str
    day: date
    count: int
    usual: float
    week: int
    days: tuple[int, ...]
    new: bool
    expected_by: str

    @property
    def ends(self) -> date:
        """The UTC day with whose beginning it is over."""
        return self.day + timedelta(days=1)

    @property
    def spike(self) -> bool:
        """Whether it moved far more than usual."""
        return not self.new and self.count >= max(_LEAST, _TIMES * self.usual)

    @property
    def slump(self) -> bool:
        """Whether it moved nothing though it usually moves many."""
        return not self.new and self.count == 0 and self.usual >= _LEAST

    @property
    def above(self) -> bool:
        """Whether it moved more than usual, and not so much more that somebody should look."""
        return not self.new and not self.spike and self.count > _ABOVE * max(self.usual, 1)

    @property
    def times(self) -> int:
        """How many times its usual night this is."""
        return round(self.count / max(self.usual, 1))


def counts_by_day(last: date, *, using: str = "default") -> Counts:
    """Return how many sprouts each rule advanced on each of the thirty UTC days up to `last`.

    Days that have ended are read from where `note_ended_days` put them; the rest is counted.
    """
    first = last - timedelta(days=SHOWN_DAYS - 1)
    found: Counts = defaultdict(dict)
    known = DailyCount.objects.using(using).filter(day__gte=first, day__lte=last)
    counted_to = first - timedelta(days=1)
    for day, rule, count in known.values_list("day", "rule_id", "count"):
        if rule == _ALL:
            counted_to = max(counted_to, day)
        elif count:
            found[rule][day] = count
    start = counted_to + timedelta(days=1)
    newest = counted_lately(f"nights-{using}-{start}-{last}", partial(_count, start, last, using))
    for (day, rule), count in newest.items():
        found[rule][day] = count
    return found


def rolled_back_by_day(last: date, *, using: str = "default") -> dict[date, int]:
    """Return how many advancements were taken back on each of the thirty UTC days up to `last`.

    A rollback counts on the day of its end, without what was put back again by undoing it.
    """
    start = datetime.combine(last - timedelta(days=SHOWN_DAYS - 1), time.min, UTC)
    runs = Run.objects.using(using).filter(kind=RunKind.ROLLBACK, dry_run=False, finished_at__gte=start)
    rows = list(runs.values_list("pk", "undoes", "advanced", "finished_at").order_by("-pk"))
    standing: dict[int, int] = {}
    undone: dict[int, int] = defaultdict(int)
    for key, undoes, count, _ in rows:  # what undoes a run is newer than it
        standing[key] = max(count - undone[key], 0)
        if undoes is not None:
            undone[undoes] += standing[key]
    found: dict[date, int] = defaultdict(int)
    for key, undoes, _, finished_at in rows:
        day = finished_at.astimezone(UTC).date() if finished_at else last
        if undoes is None and standing[key] and day <= last:
            found[day] += standing[key]
    return dict(found)


def note_ended_days(*, using: str = "default") -> int:
    """Keep the counts of the UTC days that have ended since the last call; return how many days that were."""
    today = database_now(using).astimezone(UTC).date()
    noted = DailyCount.objects.using(using).filter(rule_id=_ALL).aggregate(last=Max("day"))["last"]
    first = max(noted + timedelta(days=1), _oldest(today)) if noted else _oldest(today)
    days = [first + timedelta(days=n) for n in range((today - first).days)]
    if not days:
        return 0
    rows = [
        DailyCount(day=day, rule_id=rule, count=n)
        for (day, rule), n in _count(first, days[-1], using).items()
    ]
    totals: dict[date, int] = defaultdict(int)
    for row in rows:
        totals[row.day] += row.count
    rows += [DailyCount(day=day, rule_id=_ALL, count=totals[day]) for day in days]
    kept = DailyCount.objects.using(using)
    # A night that was marked as expected on its day has a row already.
    kept.bulk_create(rows, update_conflicts=True, update_fields=["count"], unique_fields=["day", "rule_id"])
    return len(days)


def nights(rules: Sequence[str], counts: Counts, day: date, *, using: str = "default") -> list[Night]:
    """Return what each rule did on a day beside its usual night, by the counts up to that day."""
    established = _established(rules, day, using)
    expected = dict(
        DailyCount.objects.using(using)
        .filter(day=day)
        .exclude(expected_by="")
        .values_list("rule_id", "expected_by")
    )
    return [
        _night(rule, counts.get(rule, {}), day, rule not in established, expected.get(rule, ""))
        for rule in rules
    ]


def mark_expected(rule: str, day: date, *, by: str, using: str = "default") -> None:
    """Put on record that somebody looked at a rule's night and found it in order."""
    DailyCount.objects.using(using).update_or_create(day=day, rule_id=rule, defaults={"expected_by": by})


def unmark_expected(rule: str, day: date, *, using: str = "default") -> None:
    """Forget that somebody found a rule's night in order, so that an unusual one is warned of again."""
    DailyCount.objects.using(using).filter(day=day, rule_id=rule).update(expected_by="")


def _night(rule: str, by_day: dict[date, int], day: date, new: bool, expected_by: str) -> Night:
    days = [by_day.get(day - timedelta(days=n), 0) for n in range(SHOWN_DAYS - 1, -1, -1)]
    return Night(
        rule=rule,
        day=day,
        count=days[-1],
        usual=median(days[-1 - USUAL_DAYS : -1]),
        week=sum(days[-7:]),
        days=tuple(days),
        new=new,
        expected_by=expected_by,
    )


def _established(rules: Sequence[str], day: date, using: str) -> set[str]:
    """Return the rules that had moved something a week before a day; a look at the index for each."""
    earlier = AdvancementEvent.objects.filter(
        rule_id=OuterRef("pk"), timestamp__lt=datetime.combine(day, time.min, UTC) - NEW_FOR
    )
    old = AdvancementRule.objects.using(using).filter(Exists(earlier), pk__in=rules)
    return set(old.values_list("pk", flat=True))


def _count(first: date, last: date, using: str) -> dict[tuple[date, str], int]:
    if first > last:
        return {}
    start = datetime.combine(first, time.min, UTC)
    events = AdvancementEvent.objects.using(using).filter(
        event_type=AdvancementEventType.AUTO_ADVANCEMENT,
        rule_id__isnull=False,
        timestamp__gte=start,
        timestamp__lt=datetime.combine(last + timedelta(days=1), time.min, UTC),
    )
    by_day = events.annotate(day=TruncDate("timestamp", tzinfo=UTC)).order_by()
    counted = by_day.values("day", "rule_id").annotate(n=Count("id"))
    return {(row["day"], str(row["rule_id"])): row["n"] for row in counted}


def _oldest(today: date) -> date:
    return today - timedelta(days=SHOWN_DAYS + 1)
