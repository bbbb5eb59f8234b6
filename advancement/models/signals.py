"""Signals as stored: aggregations, the record of each refresh, and what the next one must look at."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Final

from django.db import models
from django.db.models import FloatField, Sum
from django.db.models.functions import Cast

from advancement.criteria.signals import MAX_COUNT, MAX_DAYS, SIGNALS, Period, Unit
from advancement.models.constraints import MAX_INTEGER, in_range, one_of
from advancement.models.leases import Leased, lease_in_range
from advancement.models.sprouts import Sprout

# A refresh that finds less than this share of what there was is not one to go by.
LEAST_SHARE: Final = 0.5
# How many records are looked through for the newest refresh of each period, by pages.
_HISTORY: Final = (0, 20, 1000)

COUNT_COLUMNS = [s.column for s in SIGNALS.values() if s.unit is Unit.COUNT and s.column]


class SignalAggregationQuerySet(models.QuerySet["SignalAggregation"]):
    """Aggregations, and what they add up to."""

    def totals(self) -> dict[str, dict[str, int]]:
        """Return the all-time total of each count over the sprouts of each lifecycle model, by column.

        Unknown counts add nothing. A model without any count is absent.
        """
        # Summed as doubles: SQLite's integer sum overflows from a thousand of the largest counts on.
        sums = {f"total_{column}": Sum(Cast(column, FloatField())) for column in COUNT_COLUMNS}
        by_model = self.filter(period=Period.ALL_TIME).order_by().values("sprout__lifecycle_model")
        rows = by_model.annotate(**sums).values_list("sprout__lifecycle_model", *sums)
        return {
            model: {column: int(total or 0) for column, total in zip(COUNT_COLUMNS, totals, strict=True)}
            for model, *totals in rows
            if any(totals)
        }


class SignalAggregation(models.Model):
    """The signals of one sprout in one period. A null is an unknown signal, never a zero."""

    sprout = models.ForeignKey(Sprout, models.CASCADE, db_index=False, related_name="signal_aggregations")
    period = models.CharField(max_length=8, choices=[(p.value, p.value) for p in Period])
    view_count = models.BigIntegerField(null=True)
    retrieval_count = models.BigIntegerField(null=True)
    reference_count = models.BigIntegerField(null=True)
    search_appearances = models.BigIntegerField(null=True)
    upvotes = models.BigIntegerField(null=True)
    downvotes = models.BigIntegerField(null=True)
    export_count = models.BigIntegerField(null=True)
    promotion_count = models.BigIntegerField(null=True)
    refinement_count = models.BigIntegerField(null=True)
    unique_sessions = models.BigIntegerField(null=True)
    unique_users = models.BigIntegerField(null=True)
    unique_lenses = models.BigIntegerField(null=True)
    unique_hubs = models.BigIntegerField(null=True)
    unique_queries = models.BigIntegerField(null=True)
    days_active = models.IntegerField(null=True)
    utility_score = models.FloatField(null=True)
    diversity_index = models.FloatField(null=True)
    quality_score = models.FloatField(null=True)
    first_event_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    advancement_eligible = models.BooleanField(default=False)
    computed_at = models.DateTimeField()

    objects = SignalAggregationQuerySet.as_manager()

    class Meta:
        db_table = "signal_aggregations"
        constraints = [
            models.UniqueConstraint(
                fields=["sprout", "period"], name="one_aggregation_per_sprout_and_period"
            ),
            one_of("signal_aggregations", "period", Period),
            *[in_range("signal_aggregations", column, 0, MAX_COUNT) for column in COUNT_COLUMNS],
            in_range("signal_aggregations", "days_active", 0, MAX_DAYS),
            in_range("signal_aggregations", "utility_score", -1, 1),
            in_range("signal_aggregations", "diversity_index", 0, 1),
            in_range("signal_aggregations", "quality_score", 0, 1),
        ]

    def __str__(self) -> str:
        return f"{self.sprout_id} {self.period}"


class SignalRefreshQuerySet(models.QuerySet["SignalRefresh"]):
    """Refreshes, and which of them tells the age of the signals in use."""

    def by_period(self) -> "dict[str, SignalRefresh]":
        """Return the newest refresh of each period that has one, without its totals."""
        newest: dict[str, SignalRefresh] = {}
        records = self.exclude(periods=[]).defer("totals").order_by("-id")
        for start, end in pairwise(_HISTORY):
            page = list(records[start:end])
            for refresh in page:
                for period in refresh.periods:
                    newest.setdefault(period, refresh)
            if len(newest) == len(Period) or len(page) < end - start:
                break
        return newest

    def behind(self, periods: Iterable[str] = tuple(Period)) -> "SignalRefresh | None":
        """Return the refresh that the signals of these periods are at least as new as, if there is one."""
        newest = self.by_period()
        found = [newest[period] for period in periods if period in newest]
        return min(found, key=lambda refresh: refresh.finished_at, default=None)


class SignalRefresh(models.Model):
    """A record of one aggregation or import of signals; freshness and collapse are judged by it.

    `periods` are those that it brought up to date: an import of a few sprouts has none.
    """

    class Kind(models.TextChoices):
        """Where the signals came from."""

        AGGREGATION = "aggregation"
        IMPORT = "import"

    kind = models.CharField(max_length=11, choices=Kind)
    periods = models.JSONField(default=list)
    as_of = models.DateTimeField(null=True, help_text="The end of the windows; empty for an import.")
    full = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    sprouts = models.PositiveIntegerField(help_text="Sprouts whose signals were computed or imported.")
    totals = models.JSONField(
        default=dict, help_text="All-time totals after it: {lifecycle model: {column: total}}."
    )

    objects = SignalRefreshQuerySet.as_manager()

    class Meta:
        db_table = "signal_refreshes"
        verbose_name = "signal refresh"
        verbose_name_plural = "signal refreshes"
        get_latest_by = "id"
        constraints = [
            one_of("signal_refreshes", "kind", ["aggregation", "import"]),
            in_range("signal_refreshes", "sprouts", 0, MAX_INTEGER),
            models.CheckConstraint(
                name="signal_refreshes_as_of_for_aggregations",
                condition=models.Q(kind="import") | models.Q(as_of__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.finished_at:%Y-%m-%d %H:%M} UTC"

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def stands_back(self) -> bool:
        """Whether somebody named an earlier time than that of the refresh for the signals to be as of."""
        return self.as_of is not None and self.started_at - self.as_of > timedelta(minutes=1)


class SignalRequest(Leased):
    """The newest wish of a person that the signals be refreshed; a single row.

    It is open until `finished_at` is set: by a refresh that began after it, whoever does that, or by an
    error that kept it from happening.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    worked_at = models.DateTimeField(null=True, help_text="When somebody last took it up.")
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(default="", help_text="What kept it from happening.")

    class Meta:
        db_table = "signal_requests"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="one_signal_request", condition=models.Q(id=1)),
            *lease_in_range("signal_requests"),
        ]

    def __str__(self) -> str:
        return f"by {self.asked_by}, {self.asked_at:%Y-%m-%d %H:%M} UTC"


class DirtySprout(models.Model):
    """A sprout whose usage events changed since its signals were computed.

    Rows are added by a trigger on usage_events, inside the transaction that changes them, so a late commit
    cannot be missed; aggregation deletes what it has used. The same sprout may stand here more than once.
    """

    sprout_id = models.UUIDField(db_index=True)

    class Meta:
        db_table = "signal_dirty_sprouts"

    def __str__(self) -> str:
        return str(self.sprout_id)
