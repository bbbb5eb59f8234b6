"""What previews of a rule are counted from where the tables are too large to be read at every key stroke."""

from django.db import models

from advancement.criteria.signals import SIGNALS, Period, Signal
from advancement.models.constraints import MAX_INTEGER, in_range


def preview_column(signal: Signal, period: Period) -> str:
    """Return the column of `preview_rows` that holds a signal's value in a period, as rules test it."""
    return f"{signal.column}_{period.value}"


class PreviewCache(models.Model):
    """The candidates of one lifecycle model and tier with some of their signals, copied at one moment.

    Written by `advancement.evaluation.preview_cache` alone, and may be deleted. It is used only while
    nothing has changed since: `refresh_id` is the signal refresh that it was built after, the events and
    the sprouts added or deleted are counted. `columns` are those that were copied.
    """

    lifecycle_model_id = models.CharField(max_length=100)
    tier = models.CharField(max_length=100)
    columns = models.JSONField(default=list)
    candidates = models.PositiveIntegerField(default=0)
    built_at = models.DateTimeField()
    refresh_id = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0, help_text="Events above it are counted.")
    events = models.PositiveIntegerField(default=0, help_text="Events of the tier above it, when built.")
    sprouts_written = models.BigIntegerField(
        default=0, help_text="Sprouts that the server had counted as added or deleted, when built."
    )

    class Meta:
        db_table = "preview_caches"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["lifecycle_model_id", "tier"], name="one_preview_cache_per_tier"),
            in_range("preview_caches", "candidates", 0, MAX_INTEGER),
            in_range("preview_caches", "events", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return f"{self.lifecycle_model_id} {self.tier}"


class PreviewRow(models.Model):
    """A sprout of a preview cache; columns that were not copied are null, as are unknown signals.

    There is a column for each signal and period, see `preview_column`.
    """

    cache = models.ForeignKey(PreviewCache, models.DO_NOTHING, db_constraint=False, related_name="rows")
    sprout_id = models.UUIDField()
    tier_updated_at = models.DateTimeField()
    no_signals = models.BooleanField(default=False)

    class Meta:
        # Unlogged on PostgreSQL: not worth a place in the write-ahead log, and empty after a crash.
        db_table = "preview_rows"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.sprout_id)


for _signal in SIGNALS.values():
    for _period in Period:
        if _signal.column:
            PreviewRow.add_to_class(preview_column(_signal, _period), models.FloatField(null=True))
