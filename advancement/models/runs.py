"""Runs, the moves of their plans, and what was left out of them."""

from datetime import datetime

from django.db import models

from advancement.models.constraints import MAX_INTEGER, MAX_SMALL_INTEGER, in_range, not_empty, one_of
from advancement.models.events import AdvancementEvent
from advancement.models.leases import Leased, lease_in_range
from advancement.models.rules import RuleVersion
from advancement.models.sprouts import Sprout


class RunKind(models.TextChoices):
    """What a run sets out to do."""

    ADVANCEMENT = "advancement"
    ROLLBACK = "rollback"
    OVERRIDE = "override"


class RunTrigger(models.TextChoices):
    """What started a run."""

    SCHEDULE = "schedule"
    CONSOLE = "console"
    COMMAND = "command"


class RunStatus(models.TextChoices):
    """Where a run stands."""

    PLANNING = "planning"
    PLANNED = "planned"
    HELD = "held"
    APPROVED = "approved"
    APPLYING = "applying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"


class LeftOutBucket(models.TextChoices):
    """Why a plan does not move a candidate, or does not take an event in its scope back."""

    INVALID = "invalid"
    HELD = "held"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    FAILED = "failed"
    ADVANCED_SINCE = "advanced_since"
    OVERRIDDEN_SINCE = "overridden_since"
    ALREADY_ROLLED_BACK = "already_rolled_back"
    GONE = "gone"
    TIER_GONE = "tier_gone"
    EXCLUDED = "excluded"


_COUNTERS = (
    *("moves_planned", "cursor", "evaluated", "advanced", "no_match"),
    *("no_signals", "held", "invalid", "blocked", "skipped", "moves_struck", "review_revision"),
)


def moves_in_words(planned: int, left_out: int) -> str:
    """Say how many moves a plan has and how many of them a person left out."""
    said = f"{planned - left_out:,} to make"
    return f"{said}, {left_out:,} left out by hand" if left_out else said


# How the reason ends with which a move that a person took out of a plan stands among the left-outs.
TAKEN_OUT = "took it out of the plan."


class Run(Leased):
    """One attempt to change tiers: its plan, its progress and its outcome.

    `cursor` is the position of the last move that a committed batch has dealt with, so a run that died
    goes on from there. Whoever works on the run holds the lease: its token is raised at each taking,
    and every write of a worker requires the token that it took.
    """

    kind = models.CharField(max_length=11, choices=RunKind)
    trigger = models.CharField(max_length=8, choices=RunTrigger)
    status = models.CharField(max_length=9, choices=RunStatus, default=RunStatus.PLANNING)
    dry_run = models.BooleanField(default=False, help_text="A plan that is only looked at.")
    logical_date = models.DateField(null=True, help_text="The UTC date that a scheduled run stands for.")

    from_tiers = models.JSONField(default=list)
    scope_model_id = models.CharField(max_length=100, blank=True, help_text="Empty: all lifecycle models.")
    batch_size = models.PositiveIntegerField()
    log_url = models.URLField(max_length=2000, blank=True)
    requested_by = models.CharField(max_length=150, blank=True)
    reason = models.TextField(blank=True)

    # What a rollback takes back: the advancements in this scope, or everything that one run did.
    scope_rule_id = models.CharField(max_length=100, blank=True, help_text="Empty: of all rules.")
    scope_run_id = models.BigIntegerField(null=True, help_text="Empty: of all runs.")
    scope_sprout_id = models.UUIDField(null=True, help_text="Empty: of all sprouts.")
    scope_since = models.DateTimeField(null=True)
    scope_until = models.DateTimeField(null=True)
    undoes = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="undone_by",
        help_text="The rollback that this undoes.",
    )
    excluded = models.JSONField(default=list, help_text="Sprouts that stay as they are, by id.")
    unwind = models.BooleanField(default=False, help_text="Also take back later automatic advancements.")
    disable_rules = models.BooleanField(default=False, help_text="Disable the rules that are rolled back.")
    rules_disabled = models.JSONField(default=list, help_text="The rules that it disabled, by slug.")
    hold = models.BooleanField(default=False, help_text="Hold the sprouts that it moves.")
    hold_until = models.DateTimeField(null=True, help_text="Empty: until the hold is released.")

    as_of = models.DateTimeField(
        null=True, help_text="The one instant at which signals and holds are judged."
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True, help_text="When a failed run is taken up again by itself.")
    review_revision = models.PositiveIntegerField(
        default=0, help_text="Raised by each change of what is struck out of the plan."
    )
    held_because = models.JSONField(default=list, help_text="The guardrails that the plan exceeded.")
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, help_text="When a held run was approved or discarded.")
    decision_reason = models.TextField(blank=True)
    superseded_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="supersedes")

    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of a rollback's planned moves.")
    moves_planned = models.PositiveIntegerField(default=0)
    moves_struck = models.PositiveIntegerField(
        default=0, help_text="Moves taken out of the plan by a person."
    )
    cursor = models.PositiveIntegerField(default=0)
    evaluated = models.PositiveIntegerField(default=0)
    advanced = models.PositiveIntegerField(default=0)
    no_match = models.PositiveIntegerField(default=0)
    no_signals = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    invalid_rules = models.JSONField(default=list)
    stopped_rules = models.JSONField(default=list)

    class Meta:
        db_table = "advancement_runs"
        get_latest_by = "id"
        permissions = [
            ("start_runs", "Can start runs, apply plans, cancel and resume"),
            ("approve_runs", "Can decide about held runs"),
            ("roll_back", "Can roll back"),
        ]
        constraints = [
            one_of("advancement_runs", "kind", RunKind.values),
            one_of("advancement_runs", "trigger", RunTrigger.values),
            one_of("advancement_runs", "status", RunStatus.values),
            models.UniqueConstraint(
                fields=["logical_date"],
                name="one_scheduled_run_per_date",
                condition=models.Q(trigger="schedule"),
            ),
            models.CheckConstraint(
                name="advancement_runs_scheduled_with_date",
                condition=models.Q(trigger="schedule", logical_date__isnull=False)
                | (~models.Q(trigger="schedule") & models.Q(logical_date__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=["status"],
                name="one_applying_run",
                condition=models.Q(status="applying", kind__in=["advancement", "rollback"]),
            ),
            models.CheckConstraint(
                name="advancement_runs_cursor_within_plan",
                condition=models.Q(cursor__lte=models.F("moves_planned")),
            ),
            in_range("advancement_runs", "batch_size", 1, MAX_INTEGER),
            *lease_in_range("advancement_runs"),
            *[in_range("advancement_runs", column, 0, MAX_INTEGER) for column in _COUNTERS],
        ]
        indexes = [models.Index(fields=["status"], name="advancement_runs_by_status")]

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def began_at(self) -> datetime:
        """When work on it began, and until then when it was asked for.

        Of a plan that a person let be applied, when its application began.
        """
        return self.started_at or self.created_at

    @property
    def moves_to_make(self) -> int:
        """How many moves its plan has without those that a person took out of it."""
        return self.moves_planned - self.moves_struck

    @property
    def plan_in_words(self) -> str:
        """Its plan as a count, as in `181 to make, 1 left out by hand`."""
        return moves_in_words(self.moves_planned, self.moves_struck)

    def moves_dealt_with(self, using: str = "default") -> int:
        """Return how many of the moves to make were made or skipped so far."""
        if not (self.moves_struck and self.cursor):
            return self.cursor
        # What was taken out left gaps among the positions.
        return self.moves.using(using).filter(position__lte=self.cursor).count()


class Move(models.Model):
    """One line of a run's plan: this sprout, as read at this revision, from this tier to that one."""

    pk = models.CompositePrimaryKey("run", "position")
    # Neither key is enforced: a check for each row costs a third of the plan, runs are never deleted
    # and a sprout may be, in which case the move is recorded as skipped.
    run = models.ForeignKey(Run, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="moves")
    position = models.PositiveIntegerField()
    sprout = models.ForeignKey(
        Sprout, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    step = models.PositiveSmallIntegerField(default=1)
    sprout_revision = models.PositiveIntegerField()
    from_tier = models.CharField(max_length=100)
    to_tier = models.CharField(max_length=100)
    rule_version = models.ForeignKey(
        RuleVersion, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    reverses_event = models.ForeignKey(
        AdvancementEvent, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    struck = models.BooleanField(
        db_default=False, help_text="Taken out by whoever reviews the plan; dropped when it is confirmed."
    )

    class Meta:
        db_table = "advancement_moves"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "sprout", "step"], name="one_move_per_run_sprout_and_step"
            ),
            in_range("advancement_moves", "position", 0, MAX_INTEGER),
            in_range("advancement_moves", "step", 0, MAX_SMALL_INTEGER),
            in_range("advancement_moves", "sprout_revision", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return f"{self.sprout_id}: {self.from_tier} → {self.to_tier}"


class LeftOut(models.Model):
    """A candidate that a run did not move, and why; `no_match` and `no_signals` are only counted."""

    run = models.ForeignKey(Run, models.PROTECT, db_index=False, related_name="left_out")
    sprout_id = models.UUIDField()
    event_id = models.BigIntegerField(null=True, help_text="The event that a rollback does not take back.")
    bucket = models.CharField(max_length=20, choices=LeftOutBucket)
    reason = models.TextField()

    class Meta:
        db_table = "advancement_left_out"
        verbose_name = "left-out sprout"
        verbose_name_plural = "left-out sprouts"
        constraints = [
            one_of("advancement_left_out", "bucket", LeftOutBucket.values),
            not_empty("advancement_left_out", "reason"),
        ]
        indexes = [
            models.Index(fields=["run", "bucket"], name="advancement_left_out_of_run"),
            # Serves what a sprout was left out of by hand; the others of a run are many.
            models.Index(
                fields=["sprout_id"],
                name="advancement_left_out_by_hand",
                condition=models.Q(bucket__in=["skipped", "excluded"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sprout_id}: {self.bucket}"


class RunLogLevel(models.TextChoices):
    """How much a line of a run's log matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class RunLogLine(models.Model):
    """What happened on the way of a run, for people; what counts stands in the run itself."""

    run = models.ForeignKey(Run, models.PROTECT, db_index=False, related_name="log")
    at = models.DateTimeField()
    level = models.CharField(max_length=7, choices=RunLogLevel, default=RunLogLevel.INFO)
    text = models.TextField()

    class Meta:
        db_table = "advancement_run_log"
        constraints = [
            one_of("advancement_run_log", "level", RunLogLevel.values),
            not_empty("advancement_run_log", "text"),
        ]
        indexes = [models.Index(fields=["run", "id"], name="advancement_run_log_of_run")]

    def __str__(self) -> str:
        return self.text


class Schedule(models.Model):
    """Since when the built-in schedule is active; nothing before that counts as a missed night."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    activated_at = models.DateTimeField()
    ticked_at = models.DateTimeField(null=True, help_text="When the clusters last looked for work.")

    class Meta:
        db_table = "advancement_schedule"
        constraints = [models.CheckConstraint(name="one_schedule", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"active since {self.activated_at:%Y-%m-%d %H:%M} UTC"
