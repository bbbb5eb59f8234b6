"""How many sprouts each rule matches: counted set-based for whole tiers at once, and kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.core.cache import cache
from django.db import connections, transaction
from django.db.models import BigIntegerField, Case, CharField, Count, Max, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Cast, Coalesce, Greatest, Now
from django.utils import timezone

from advancement.criteria.validation import check_rule
from advancement.database.clock import database_now
from advancement.database.snapshot import one_snapshot
from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.evaluation.outcomes import WITHOUT_SIGNALS, on_hold
from advancement.models import Hold, RuleCount, RuleVersion, Run, SignalRefresh, Sprout
from advancement.models.runs import RunKind
from advancement.remembered import COUNTED_ANEW, LATELY, counted_lately
from advancement.rulebook.reading import lifecycles

# Rules whose matches fit into one signed 64-bit number, a bit for each.
_BITS: Final = 62
# So many different sets of rules that sprouts match fit into memory at once.
_MOST_PATTERNS: Final = 50_000
# Two people who open the list do not count twice. Longer than any count takes.
_BUSY: Final = "advancement.counting_rules"
_BUSY_FOR: Final = timedelta(minutes=2)

# Of a hold: when it was set, released, or came to its end.
_LAST_CHANGE: Final = Greatest(
    Coalesce("released_at", "set_at"), Case(When(until__lte=Now(), then="until"), default="set_at")
)

_Ladder = tuple[str, str]  # lifecycle model and from tier


@dataclass(frozen=True)
class Moments:
    """When what counts rest on changed last, and when a run last asked the rules; None: never.

    `held` is when a hold began or ended.
    """

    refreshed: datetime | None = None
    moved: datetime | None = None
    held: datetime | None = None
    planned: datetime | None = None

    @property
    def changed(self) -> datetime | None:
        """The newest instant after which older counts are out of date."""
        return max((at for at in (self.refreshed, self.moved, self.held) if at), default=None)


@dataclass
class _Tally:
    """The figures of one version while they are added up."""

    candidates: int = 0
    matches: int = 0
    stays: Counter[str] = field(default_factory=Counter)
    overlaps: dict[str, int] = field(default_factory=dict)


def moments(using: str = "default") -> Moments:
    """Return the instants that counts are judged by, in one query."""

    def newest(rows: "QuerySet[Any]", name: str, column: str | Combinable) -> "QuerySet[Any, Any]":
        named = rows.using(using).order_by().annotate(moment=Value(name)).values("moment")
        found: QuerySet[Any, Any] = named.annotate(at=Max(column)).values_list("moment", "at")
        return found

    runs = Run.objects.filter(dry_run=False)
    found = newest(SignalRefresh.objects.all(), "refreshed", "finished_at").union(
        newest(runs.filter(advanced__gt=0), "moved", "finished_at"),
        newest(runs.filter(kind=RunKind.ADVANCEMENT), "planned", "as_of"),
        newest(Hold.objects.all(), "held", _LAST_CHANGE),
    )
    return Moments(**dict(found))


def current_versions(using: str = "default") -> "QuerySet[RuleVersion]":
    """Return what each rule that is not archived says: its active version, without one its draft."""
    active = Q(active_in__isnull=False, active_in__archived_at__isnull=True)
    draft = Q(draft_of__active_version__isnull=True, draft_of__archived_at__isnull=True)
    return (
        RuleVersion.objects.using(using)
        .filter(active | (draft & Q(draft_of__isnull=False)))
        .select_related("active_in", "draft_of", "count")
        .prefetch_related("criteria")
        .order_by("priority", "rule")
    )


def in_use(version: RuleVersion) -> bool:
    """Whether runs use a version of a rule that is not archived: a draft is none, whatever it says."""
    return version.enabled and getattr(version, "active_in", None) is not None


def count_sprouts(using: str = "default") -> dict[_Ladder, int]:
    """Return how many sprouts are in each tier, by model and slug; of many, as of a minute ago at most."""
    return counted_lately(f"sprouts-{using}", partial(_count_sprouts, using))


def _count_sprouts(using: str) -> dict[_Ladder, int]:
    rows = Sprout.objects.using(using).order_by().values_list("lifecycle_model", "tier")
    return {(model, tier): count for model, tier, count in rows.annotate(count=Count("pk"))}


def outdated(
    versions: Iterable[RuleVersion], since: datetime | None, sizes: Mapping[_Ladder, int], now: datetime
) -> set[_Ladder]:
    """Return model and tier of the versions to count anew: one without a count, or with one too old.

    `since` is when signals or tiers changed last, `sizes` what `count_sprouts` says: sprouts may have come
    or gone. A version that came into use later than that of its tier were counted makes those out of date
    as well, since they may overlap with it.
    """
    # The sizes of a large grove may be older than the count.
    settled = now - LATELY if sum(sizes.values()) > COUNTED_ANEW else now
    resized: set[_Ladder] = set()
    oldest: dict[_Ladder, datetime | None] = {}
    newest: dict[_Ladder, datetime] = {}
    for version in versions:
        key = _ladder(version)
        count: RuleCount | None = getattr(version, "count", None)
        former = oldest.get(key, count and count.as_of)
        oldest[key] = min(former, count.as_of) if former and count else None
        rule = getattr(version, "active_in", None)
        if count and count.as_of <= settled and count.candidates != sizes.get(key, 0):
            resized.add(key)
        needed = [at for at in (since, newest.get(key), rule and rule.activated_at) if at]
        if needed:
            newest[key] = max(needed)
    late = {key for key, at in oldest.items() if at is None or (key in newest and at < newest[key])}
    return late | resized


def refresh_counts(*, using: str = "default") -> bool:
    """Count what has no count yet or one that is out of date; return whether everything is up to date.

    It is not while somebody else is counting.
    """
    versions = _countable(using)
    stale = outdated(versions, moments(using).changed, count_sprouts(using), timezone.now())
    if not stale:
        return True
    if not cache.add(_BUSY, True, _BUSY_FOR.total_seconds()):
        return False
    try:
        count_rules([version for version in versions if _ladder(version) in stale], using=using)
    finally:
        cache.delete(_BUSY)
    return True


def count_rules(
    versions: Sequence[RuleVersion] | None = None, *, using: str = "default"
) -> dict[int, RuleCount]:
    """Count the matches of versions and of all that share their model and tier; return them by version.

    Without `versions` every rule that can be counted is. One statement reads the grove once. A sprout
    counts for each rule that it matches, whichever wins. Matches that are on hold, or have no signals at
    all, are told apart as the buckets of a run are. Overlaps are with the rules in use that come earlier.
    Counts of versions that no list shows are forgotten.
    """
    everything = _countable(using)
    chosen = {_ladder(version) for version in (everything if versions is None else versions)}
    counted = [version for version in everything if _ladder(version) in chosen]
    with one_snapshot(using):
        _tune(using)
        as_of = database_now(using)
        tallies = _tallies(counted, as_of, using)
    counts = {
        version.pk: RuleCount(
            version=version,
            matches=tally.matches,
            candidates=tally.candidates,
            held=tally.stays["held"],
            no_signals=tally.stays["no_signals"],
            overlaps=[{"rule": slug, "count": count} for slug, count in tally.overlaps.items()],
            as_of=as_of,
        )
        for version, tally in ((version, tallies[version.pk]) for version in counted)
    }
    _store(list(counts.values()), everything, using)
    return counts


def _countable(using: str) -> list[RuleVersion]:
    """Return the current versions that name nothing unknown, in the order in which they are tried."""
    ladders = lifecycles(using)
    return [
        version
        for version in current_versions(using)
        if all(problem.blocks != "saving" for problem in check_rule(version.definition, ladders))
    ]


def _ladder(version: RuleVersion) -> _Ladder:
    return version.lifecycle_model_id, version.from_tier


def _tune(using: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")


def _tallies(versions: Sequence[RuleVersion], as_of: datetime, using: str) -> dict[int, _Tally]:
    """Read the grove once, grouped by which rules a sprout matches, and add that up rule by rule."""
    by_ladder: dict[_Ladder, list[RuleVersion]] = defaultdict(list)
    for version in versions:
        by_ladder[_ladder(version)].append(version)
    tallies = {version.pk: _Tally() for version in versions}
    if not by_ladder:
        return tallies
    words = max(-(-len(group) // _BITS) for group in by_ladder.values())
    rules = CompiledRules(versions, as_of)
    scope = Q(pk__in=[])
    for model, tier in by_ladder:
        scope |= Q(lifecycle_model=model, tier=tier)
    patterns = {f"matched_{word}": _pattern(by_ladder, rules, word) for word in range(words)}
    rows = (
        with_signals(Sprout.objects.using(using).filter(scope))
        .order_by()
        .annotate(stays=_stays(rules, as_of), **patterns)
        .values("lifecycle_model", "tier", "stays", *patterns)
        .annotate(sprouts=Count("pk"))
        .values_list("lifecycle_model", "tier", "stays", "sprouts", *patterns)
    )
    # A cursor on the server would do without its parallel workers, so that is for the unusual grove alone.
    found = list(rows[: _MOST_PATTERNS + 1])
    for model, tier, stays, sprouts, *matched in (
        found if len(found) <= _MOST_PATTERNS else rows.iterator(chunk_size=2000)
    ):
        _add(by_ladder[model, tier], tallies, stays, sprouts, matched)
    return tallies


def _stays(rules: CompiledRules, as_of: datetime) -> Case:
    """Return the name of the figure for what a run would leave where it is, whatever it matches."""
    whens = [When(on_hold(as_of), then=Value("held"))]
    if rules.met_without_signals():
        whens.append(When(WITHOUT_SIGNALS, then=Value("no_signals")))
    return Case(*whens, default=Value(""), output_field=CharField())


def _pattern(by_ladder: dict[_Ladder, list[RuleVersion]], rules: CompiledRules, word: int) -> Expression:
    """Return which rules of its tier a sprout matches, as the bits of a number."""
    whens = []
    for (model, tier), group in by_ladder.items():
        bits: Combinable = Cast(Value(0), BigIntegerField())
        for number, version in enumerate(group[word * _BITS : (word + 1) * _BITS]):
            bit = Cast(Value(2**number), BigIntegerField())
            none = Cast(Value(0), BigIntegerField())
            bits = bits + Case(When(rules.matches(version), then=bit), default=none)
        whens.append(When(lifecycle_model=model, tier=tier, then=bits))
    return Case(*whens, output_field=BigIntegerField())


def _add(
    group: Sequence[RuleVersion],
    tallies: dict[int, _Tally],
    stays: str,
    sprouts: int,
    matched: Sequence[int],
) -> None:
    """Add sprouts that all match the same rules of a tier; the group is in the order of trial."""
    earlier: list[str] = []
    for number, version in enumerate(group):
        tally = tallies[version.pk]
        tally.candidates += sprouts
        word, bit = divmod(number, _BITS)
        if not matched[word] >> bit & 1:
            continue
        tally.matches += sprouts
        tally.stays[stays] += sprouts
        for slug in earlier:
            tally.overlaps[slug] = tally.overlaps.get(slug, 0) + sprouts
        if in_use(version):
            earlier.append(version.rule_id)


def _store(counts: Sequence[RuleCount], current: Sequence[RuleVersion], using: str) -> None:
    with transaction.atomic(using=using):
        stored = RuleCount.objects.using(using)
        stored.exclude(version__in=[version.pk for version in current]).delete()
        stored.bulk_create(
            counts,
            update_conflicts=True,
            unique_fields=["version"],
            update_fields=["matches", "candidates", "held", "no_signals", "overlaps", "as_of"],
        )
