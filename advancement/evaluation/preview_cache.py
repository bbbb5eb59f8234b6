"""Copies of the candidates of a tier with the signals that a rule tests, for previews in large groves.

Only on PostgreSQL. A copy is made when exact figures are asked for, and used as long as nothing has
changed that it rests on: another signal refresh, an event of its tier, sprouts added or deleted. Whoever
changes something does nothing for that; readers look.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import OperationalError, connections, transaction
from django.db.models import BooleanField, Exists, F, FloatField, Max, OuterRef, Q, Sum
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.db.models.functions import Cast

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Signal
from advancement.database.changes import rows_written
from advancement.database.clock import database_now
from advancement.database.locks import lock_previews, lock_refused
from advancement.database.statements import Fragment
from advancement.evaluation.candidates import Candidates, Place, stored_candidates
from advancement.evaluation.compile import SignalValues
from advancement.models import AdvancementEvent, Hold, PreviewCache, PreviewRow, SignalRefresh
from advancement.models.previews import preview_column

# Changes that nobody could notice, such as signals changed with SQL by hand, are seen after that.
LONGEST_USE: Final = timedelta(hours=1)
# The rows of all copies together; a tier that is larger is not copied.
MOST_ROWS: Final = 2_000_000
_PATIENCE_MS: Final = 20_000
# An event may be committed after one with a higher number; never one that is so many numbers behind.
_LATE_EVENTS: Final = 10_000

_COLUMNS: Final[dict[str, tuple[Signal, Period]]] = {
    preview_column(signal, period): (signal, period)
    for signal in SIGNALS.values()
    if signal.column
    for period in Period
}


class CopiedValues(SignalValues):
    """The values of signals in a copy, which are those that rules test."""

    def value(self, signal: Signal, period: Period) -> Combinable:
        """The value of a signal; null where it is unknown."""
        return F(preview_column(signal, period)) if signal.column else super().value(signal, period)


def columns_of(definitions: Iterable[RuleDefinition]) -> set[str]:
    """Return the columns that a copy must have to judge by some rules."""
    return {
        preview_column(SIGNALS[criterion.signal], Period(criterion.period))
        for definition in definitions
        for criterion in definition.criteria
        if SIGNALS[criterion.signal].column
    }


def copied_candidates(place: Place, columns: set[str], as_of: datetime, using: str) -> Candidates | None:
    """Return the candidates from a copy that has these columns and that still holds, if there is one."""
    if connections[using].vendor != "postgresql":
        return None
    cache = _of_place(place, using).filter(built_at__gt=as_of - LONGEST_USE).first()
    if cache is None or not columns <= set(cache.columns) or not _still_holds(cache, using):
        return None
    rows = PreviewRow.objects.using(using).filter(cache=cache).order_by()
    # Of very many rows most may be asked for: the holds are read once, not looked up for each.
    held = Q(sprout_id__in=Hold.objects.in_force(as_of).values("sprout"))
    return Candidates(rows, CopiedValues(as_of), held=held, bare=Q(no_signals=True), key="sprout_id")


def _of_place(place: Place, using: str) -> Any:
    # After a crash of the server the rows are gone, and the row that describes them is not.
    there = Exists(PreviewRow.objects.filter(cache=OuterRef("pk")))
    model, tier = place
    return PreviewCache.objects.using(using).filter(
        there | Q(candidates=0), lifecycle_model_id=model, tier=tier
    )


def _still_holds(cache: PreviewCache, using: str) -> bool:
    return (
        cache.refresh_id == _newest_refresh(using)
        and cache.sprouts_written == rows_written("sprouts", using)
        and cache.events == _events(cache, using, up_to=cache.events + 1)
    )


def newest_event(using: str) -> int:
    """Return the number of the newest advancement event, 0 without one."""
    return AdvancementEvent.objects.using(using).aggregate(newest=Max("pk"))["newest"] or 0


def _newest_refresh(using: str) -> int:
    return SignalRefresh.objects.using(using).aggregate(newest=Max("pk"))["newest"] or 0


def _events(cache: PreviewCache, using: str, up_to: int | None = None) -> int:
    events = AdvancementEvent.objects.using(using).filter(
        Q(from_tier=cache.tier) | Q(to_tier=cache.tier),
        lifecycle_model_id=cache.lifecycle_model_id,
        id__gt=cache.event_id,
    )
    return events.order_by()[:up_to].count()


def build_copy(place: Place, columns: set[str], using: str) -> bool:
    """Copy a place's candidates, unless a copy that still holds is there; say whether one is there now.

    Columns of a former copy are kept, since somebody else may work with them. Only one copy is made at a
    time; whoever finds another being made waits for it, but not forever.
    """
    if connections[using].vendor != "postgresql":
        return False
    try:
        with transaction.atomic(using=using):
            _wait_for_lock(_PATIENCE_MS, using)
            now = database_now(using)
            if copied_candidates(place, columns, now, using):
                return True
            return _build(place, columns, now, using)
    except OperationalError as error:
        if not lock_refused(error):
            raise
        return False


def _wait_for_lock(milliseconds: int, using: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {milliseconds}")
    lock_previews(using)


def _build(place: Place, columns: set[str], now: datetime, using: str) -> bool:
    source = stored_candidates(place, now, using)
    candidates = source.rows.count()
    if candidates > MOST_ROWS:
        return False
    _make_room(candidates, now, using)
    former = PreviewCache.objects.using(using).filter(lifecycle_model_id=place[0], tier=place[1])
    for replaced in former:
        columns = columns | (set(replaced.columns) & _COLUMNS.keys())
    _delete(former, using)
    # What the copy is judged by is read before its rows: at worst it is given up too early.
    cache = PreviewCache(
        lifecycle_model_id=place[0],
        tier=place[1],
        columns=sorted(columns),
        built_at=now,
        refresh_id=_newest_refresh(using),
        event_id=max(0, newest_event(using) - _LATE_EVENTS),
        sprouts_written=rows_written("sprouts", using),
    )
    cache.events = _events(cache, using)
    cache.save(using=using)
    cache.candidates = _copy(cache, source, using)
    cache.save(using=using, update_fields=["candidates"])
    return True


def _copy(cache: PreviewCache, source: Candidates, using: str) -> int:
    values = {
        f"{name}_copied": Cast(source.values.value(*_COLUMNS[name]), FloatField()) for name in cache.columns
    }
    bare = ExpressionWrapper(source.bare, output_field=BooleanField())
    rows = source.rows.annotate(bare=bare, **values).values_list("id", "tier_updated_at", "bare", *values)
    fragment = Fragment.of(rows, using)
    named = "".join(f", {name}_copied" for name in cache.columns)
    with connections[using].cursor() as cursor:
        cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
        cursor.execute(
            "INSERT INTO preview_rows"
            f" (cache_id, sprout_id, tier_updated_at, no_signals{named.replace('_copied', '')})"
            f" SELECT %(cache)s, id, tier_updated_at, bare{named} FROM ({fragment.sql}) AS candidates",
            {**fragment.constants, "cache": cache.pk},
        )
        copied = int(cursor.rowcount)
        # Else the planner takes the rows of a new copy for few.
        cursor.execute("ANALYZE preview_rows (cache_id)")
    return copied


def _make_room(wanted: int, now: datetime, using: str) -> None:
    """Delete copies that are not used any more, and then the oldest, until there is room for another."""
    caches = PreviewCache.objects.using(using)
    _delete(caches.filter(built_at__lte=now - LONGEST_USE), using)
    held = caches.aggregate(rows=Sum("candidates"))["rows"] or 0
    for cache in caches.order_by("built_at"):
        if held + wanted <= MOST_ROWS:
            break
        held -= cache.candidates
        _delete(caches.filter(pk=cache.pk), using)


def _delete(caches: Any, using: str) -> int:
    ids = list(caches.values_list("pk", flat=True))
    PreviewRow.objects.using(using).filter(cache__in=ids)._raw_delete(using)
    caches.filter(pk__in=ids)._raw_delete(using)
    return len(ids)


def forget_old_copies(using: str = "default") -> int:
    """Delete copies that are not used any more; return how many there were. Later, while one is made."""
    old = PreviewCache.objects.using(using).filter(built_at__lte=database_now(using) - LONGEST_USE)
    if not old.exists():
        return 0
    try:
        with transaction.atomic(using=using):
            _wait_for_lock(1, using)
            return _delete(old, using)
    except OperationalError as error:
        if not lock_refused(error):
            raise
        return 0
