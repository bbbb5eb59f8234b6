"""The audit trail: one row for each move of a sprout, inserted once and never changed."""

from django.db import models

from advancement.models.constraints import MAX_INTEGER, in_range, not_empty, one_of


class AdvancementEventType(models.TextChoices):
    """Who or what moved the sprout."""

    AUTO_ADVANCEMENT = "auto-advancement"
    MANUAL_OVERRIDE = "manual-override"
    BULK_ROLLBACK = "bulk-rollback"


class EventKind(models.TextChoices):
    """What an event is to people: its type, and apart from it the undo of a rollback."""

    AUTOMATIC = "auto-advancement", "Automatic"
    OVERRIDE = "manual-override", "Override"
    ROLLBACK = "bulk-rollback", "Rollback"
    UNDO = "undo", "Undo of a rollback"

    @property
    def condition(self) -> models.Q:
        """What tells the events of this kind: those of an undo name the rule that they stand for again."""
        match self:
            case EventKind.ROLLBACK:
                return models.Q(event_type=AdvancementEventType.BULK_ROLLBACK, rule_id__isnull=True)
            case EventKind.UNDO:
                return models.Q(event_type=AdvancementEventType.BULK_ROLLBACK, rule_id__isnull=False)
        return models.Q(event_type=self.value)


class AdvancementEvent(models.Model):
    """A fact: this sprout moved from a tier to another, then, for this reason, on these figures.

    Sprout, rule, operator and run are plain values, so nothing can cascade into the trail or null it.
    `reverses` names the event that this one takes back. Triggers refuse every change and deletion.
    """

    sprout_id = models.UUIDField()
    sprout_title = models.TextField()
    lifecycle_model_id = models.CharField(max_length=100)
    revision = models.PositiveIntegerField(help_text="The sprout's revision that this event made.")
    event_type = models.CharField(max_length=16, choices=AdvancementEventType)
    from_tier = models.CharField(max_length=100)
    to_tier = models.CharField(max_length=100)
    former_tier_updated_at = models.DateTimeField(help_text="Since when it had been in the from tier.")
    rule_id = models.CharField(max_length=100, null=True)  # noqa: DJ001
    rule_version = models.PositiveIntegerField(null=True)
    criteria_met = models.JSONField(default=list)
    signal_values = models.JSONField(default=dict)
    operator_id = models.CharField(max_length=150, blank=True)
    reason = models.TextField(blank=True)
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, db_index=False, related_name="reversed_by"
    )
    run_id = models.BigIntegerField()
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "advancement_events"
        constraints = [
            models.UniqueConstraint(
                fields=["sprout_id", "revision"], name="one_event_per_sprout_and_revision"
            ),
            models.UniqueConstraint(
                fields=["reverses"], name="one_reversal_per_event", condition=models.Q(reverses__isnull=False)
            ),
            in_range("advancement_events", "revision", 1, MAX_INTEGER),
            in_range("advancement_events", "rule_version", 1, MAX_INTEGER),
            one_of("advancement_events", "event_type", AdvancementEventType.values),
            not_empty("advancement_events", "from_tier"),
            not_empty("advancement_events", "to_tier"),
            models.CheckConstraint(
                name="advancement_events_explained",
                condition=models.Q(
                    event_type="auto-advancement", rule_id__isnull=False, rule_version__isnull=False
                )
                | (~models.Q(event_type="auto-advancement") & ~models.Q(reason="")),
            ),
        ]
        indexes = [
            # Serves the events of a time range, newest first.
            models.Index(fields=["timestamp", "id"], name="advancement_events_by_time"),
            # Serves a rule's events in a time range.
            models.Index(fields=["rule_id", "timestamp"], name="advancement_events_of_rule"),
            # Serves a run's events, in order.
            models.Index(fields=["run_id", "id"], name="advancement_events_of_run"),
            # Serve what people did, which is little beside what rules did.
            models.Index(
                fields=["operator_id", "id"],
                name="advancement_events_by_operator",
                condition=~models.Q(operator_id=""),
            ),
            models.Index(
                fields=["operator_id", "rule_id", "id"],
                name="advancement_events_by_both",
                condition=~models.Q(operator_id=""),
            ),
            models.Index(
                fields=["event_type", "id"],
                name="advancement_events_of_type",
                condition=~models.Q(event_type="auto-advancement"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sprout_title}: {self.from_tier} → {self.to_tier}"

    @property
    def kind(self) -> EventKind:
        """What it is to people; the same as `EventKind.condition` says."""
        if self.event_type == AdvancementEventType.BULK_ROLLBACK and self.rule_id is not None:
            return EventKind.UNDO
        return EventKind(self.event_type)


class DailyCount(models.Model):
    """How many sprouts a rule advanced on a UTC day that has ended; the rule "" stands for all rules.

    A cache of what the events say, written by `advancement.history` alone: what ended stays as it is. Only
    `expected_by` is news: somebody looked at the figure and found it in order.
    """

    day = models.DateField()
    rule_id = models.CharField(max_length=100, blank=True)
    count = models.PositiveIntegerField(default=0)
    expected_by = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = "daily_counts"
        constraints = [
            models.UniqueConstraint(fields=["day", "rule_id"], name="one_daily_count_per_rule"),
            in_range("daily_counts", "count", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.rule_id}: {self.count}"
