"""Bring the signals up to date with the usage events, and record that it was done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from advancement.aggregation import sql
from advancement.aggregation.totals import Totals, shifted_totals, totals_of_scope
from advancement.criteria.signals import WINDOW_DAYS, Period
from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.locks import lock_signals
from advancement.leases import hand_over
from advancement.models.signals import SignalAggregation, SignalRefresh, SignalRequest
from advancement.models.sprouts import UsageEvent

# So many records are looked through for the previous refresh of each period before giving up on it.
_HISTORY = 1000
# What a refresh does, in this order.
PHASES: Final = ("choosing sprouts", "computing signals", "adding up totals")
# Phase, phases done, phases in all.
Progress = Callable[[str, int, int], None]
# Where the window of all time starts.
_EVER = datetime.min.replace(tzinfo=UTC)


def silent(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def refresh_signals(
    *,
    periods: Sequence[Period] = tuple(Period),
    as_of: datetime | None = None,
    full: bool = False,
    progress: Progress = silent,
    using: str = "default",
) -> SignalRefresh:
    """Compute the signals of `periods` from the usage events up to `as_of` and return the record of it.

    Incremental unless `full`: it looks at the sprouts whose events changed and at those with an event that
    entered or left a window since the previous refresh. `as_of` (default: now, by the database's clock)
    implies a full one, and so do periods never refreshed before or refreshed as of a later time. All of it
    is one transaction, one refresh at a time. Raises ValueError without a period or with a naive `as_of`.
    """
    if not periods:
        raise ValueError("name at least one period.")
    if as_of is not None and as_of.tzinfo is None:
        raise ValueError("as_of needs a time zone.")
    with transaction.atomic(using=using):
        limit_idling(using)
        lock_signals(using)
        started_at = database_now(using)
        chosen = [period for period in Period if period in periods]
        window_end = as_of or started_at
        previous = None if full or as_of else _previous_as_of(chosen, window_end, using)
        record = _Refresh(connections[using], chosen, window_end, previous, started_at, progress).run()
        if as_of is None and len(chosen) == len(Period):
            _end_wish(record, using)
        return record


def _end_wish(record: SignalRefresh, using: str) -> None:
    """End the wish for a refresh that somebody made before this one began: it is fulfilled, by whomever."""
    wishes = SignalRequest.objects.using(using)
    fulfilled = wishes.filter(finished_at__isnull=True, asked_at__lte=record.started_at)
    hand_over(fulfilled, finished_at=record.finished_at, lease_expires_at=None, error="")


def _previous_as_of(periods: Sequence[Period], as_of: datetime, using: str) -> datetime | None:
    """Return the as-of that all `periods` have reached, or None where only a full refresh will do."""
    missing = {period.value for period in periods}
    reached: list[datetime] = []
    records = SignalRefresh.objects.using(using).filter(kind=SignalRefresh.Kind.AGGREGATION).order_by("-id")
    for covered, reached_as_of in records.values_list("periods", "as_of")[:_HISTORY]:
        if missing & set(covered) and reached_as_of is not None:
            missing -= set(covered)
            reached.append(reached_as_of)
        if not missing:
            return min(reached) if max(reached) <= as_of else None
    return None


@dataclass(frozen=True, slots=True)
class _Refresh:
    """One refresh under way, inside its transaction; full when there is no previous as-of."""

    connection: BaseDatabaseWrapper
    periods: list[Period]
    as_of: datetime
    previous: datetime | None
    started_at: datetime
    progress: Progress

    def run(self) -> SignalRefresh:
        """Choose the sprouts, compute their rows and write the record."""
        if self._postgresql:
            for statement in sql.TUNE if self.previous is None else (*sql.TUNE, sql.TUNE_INCREMENTAL):
                self._execute(statement)
        self._enter(0)
        before = self._sums() if self._choose_sprouts() else None
        self._enter(1)
        self._compute()
        self._enter(2)
        totals = self._totals(before)
        ((sprouts,),) = self._rows(sql.COUNT_SCOPE)
        self._execute(sql.DROP_SCOPE)
        using = self.connection.alias
        return SignalRefresh.objects.using(using).create(
            kind=SignalRefresh.Kind.AGGREGATION,
            periods=[] if not sprouts and self._all_imported() else [period.value for period in self.periods],
            as_of=self.as_of,
            full=self.previous is None,
            started_at=self.started_at,
            finished_at=database_now(using),
            sprouts=sprouts,
            totals=totals,
        )

    def _all_imported(self) -> bool:
        """Whether there are signals, and no usage event to compute any from: they stay as old as they are."""
        using = self.connection.alias
        return (
            not UsageEvent.objects.using(using).exists() and SignalAggregation.objects.using(using).exists()
        )

    def _enter(self, phase: int) -> None:
        self.progress(PHASES[phase], phase, len(PHASES))

    def _choose_sprouts(self) -> bool:
        """Put the sprouts to look at into the scope; return whether the totals change by theirs alone.

        They do not in a full refresh, nor when sprouts were deleted: what those had is not known any more.
        """
        # What makes a sprout dirty is used up only once every period has seen it.
        uses_up_dirty = len(self.periods) == len(Period)
        if self.previous is None:
            if uses_up_dirty:
                self._execute(sql.FORGET_DIRTY)
            self._execute(sql.CREATE_FULL_SCOPE, as_of=self.as_of)
        else:
            self._execute(sql.CREATE_CANDIDATES)
            for statement in sql.take_dirty(self.connection.vendor) if uses_up_dirty else (sql.READ_DIRTY,):
                self._execute(statement)
            self._add_crossed(self.previous)
            if self._postgresql:
                self._execute(sql.ANALYZE_CANDIDATES)
            self._execute(sql.CREATE_SCOPE, as_of=self.as_of)
        if self._postgresql:
            self._execute(sql.ANALYZE_SCOPE)
        if self.previous is None:
            return False
        ((vanished,),) = self._rows(sql.SOME_VANISHED)
        self._execute(sql.DROP_CANDIDATES)
        return not vanished

    def _add_crossed(self, previous: datetime) -> None:
        """Add the sprouts with an event that entered or left a window since the previous as-of."""
        self._execute(sql.ADD_ENTERED, previous=previous, as_of=self.as_of)
        for start in filter(None, map(self._start, self.periods)):
            self._execute(sql.ADD_LEFT, previous_start=start - (self.as_of - previous), start=start)

    def _compute(self) -> None:
        """Write the rows of the sprouts in scope, and remove those of sprouts with later events only."""
        starts = {period.value: self._start(period) or _EVER for period in self.periods}
        self._execute(sql.remove_rows(self.periods))
        self._execute(
            sql.upsert(self.periods, self.connection.vendor),
            as_of=self.as_of,
            computed_at=self.started_at,
            **starts,
        )

    def _start(self, period: Period) -> datetime | None:
        days = WINDOW_DAYS[period]
        return None if days is None else self.as_of - timedelta(days=days)

    def _sums(self) -> Totals:
        """Return the sums of the sprouts in scope as stored now."""
        return totals_of_scope(self._rows(sql.SUM_SCOPE))

    def _totals(self, before: Totals | None) -> Totals:
        """Return the all-time totals of the whole grove: the previous ones moved on, or counted anew."""
        using = self.connection.alias
        latest = SignalRefresh.objects.using(using).order_by("-id").first()
        known: Totals = latest.totals if latest else {}
        if known and Period.ALL_TIME not in self.periods:
            return known
        if not known or before is None:
            return SignalAggregation.objects.using(using).totals()
        return shifted_totals(known, before, self._sums())

    @property
    def _postgresql(self) -> bool:
        return self.connection.vendor == "postgresql"

    def _execute(self, statement: str, **parameters: datetime) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, self._adapted(parameters))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _adapted(self, parameters: Mapping[str, datetime]) -> dict[str, Any]:
        """Return instants in the form in which Django stores them in this database."""
        adapt = self.connection.ops.adapt_datetimefield_value
        return {name: adapt(value) for name, value in parameters.items()}
