"""Advancement rules and their immutable versions."""

from django.db import models

from advancement.criteria.rules import (
    DEFAULT_PRIORITY,
    CriterionDefinition,
    Logic,
    Operator,
    RuleDefinition,
)
from advancement.criteria.signals import MAX_COUNT, Period
from advancement.models.constraints import MAX_INTEGER, MAX_SMALL_INTEGER, in_range, not_empty, one_of


class AdvancementRule(models.Model):
    """A rule's identity and its pointers: what the batch uses, and what someone is still writing.

    Everything that a rule says is in its versions. A rule is never deleted, only archived.
    """

    id = models.CharField("slug", max_length=100, primary_key=True)
    active_version = models.OneToOneField(
        "RuleVersion", models.PROTECT, null=True, blank=True, related_name="active_in"
    )
    draft_version = models.OneToOneField(
        "RuleVersion", models.PROTECT, null=True, blank=True, related_name="draft_of"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    archived_by = models.CharField(max_length=150, blank=True)
    activated_by = models.CharField(max_length=150, blank=True, help_text="Who made the active version so.")
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "advancement_rules"
        ordering = ["id"]
        permissions = [
            ("draft_rules", "Can write drafts of rules"),
            ("activate_rules", "Can activate rules"),
            ("disable_rules", "Can switch rules off and archive them"),
        ]
        constraints = [
            not_empty("advancement_rules", "id"),
            models.CheckConstraint(
                name="advancement_rules_draft_is_newer",
                condition=models.Q(draft_version__isnull=True)
                | models.Q(active_version__isnull=True)
                | models.Q(draft_version__gt=models.F("active_version")),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class RuleVersion(models.Model):
    """An immutable snapshot of everything a rule says; triggers refuse its change and its deletion."""

    rule = models.ForeignKey(AdvancementRule, models.PROTECT, db_index=False, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    lifecycle_model_id = models.CharField(max_length=100)
    from_tier = models.CharField(max_length=100)
    to_tier = models.CharField(max_length=100)
    logic = models.CharField(max_length=3, choices=[(v.value, v.name.lower()) for v in Logic])
    enabled = models.BooleanField()
    priority = models.PositiveSmallIntegerField(default=DEFAULT_PRIORITY)
    created_at = models.DateTimeField(auto_now_add=True)
    max_moves = models.PositiveIntegerField(
        null=True, help_text="Guardrail: the most sprouts that it may move in a run; empty: any number."
    )
    created_by = models.CharField(max_length=150, blank=True, help_text="Who made it, by name.")

    class Meta:
        db_table = "rule_versions"
        ordering = ["rule", "number"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="one_rule_version_per_number"),
            in_range("rule_versions", "number", 1, MAX_INTEGER),
            in_range("rule_versions", "priority", 0, MAX_SMALL_INTEGER),
            in_range("rule_versions", "max_moves", 1, MAX_INTEGER),
            one_of("rule_versions", "logic", Logic),
            models.CheckConstraint(
                name="rule_versions_moves", condition=~models.Q(from_tier=models.F("to_tier"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"

    @property
    def definition(self) -> RuleDefinition:
        """The version as a plain value; prefetch `criteria` when reading many."""
        return RuleDefinition(
            slug=self.rule_id,
            title=self.title,
            description=self.description,
            lifecycle_model=self.lifecycle_model_id,
            from_tier=self.from_tier,
            to_tier=self.to_tier,
            logic=self.logic,
            enabled=self.enabled,
            priority=self.priority,
            max_moves=self.max_moves,
            criteria=tuple(
                CriterionDefinition(c.signal, c.operator, c.threshold, c.period) for c in self.criteria.all()
            ),
        )


class RuleCriterion(models.Model):
    """One comparison of a rule version, as immutable as the version."""

    version = models.ForeignKey(RuleVersion, models.PROTECT, db_index=False, related_name="criteria")
    position = models.PositiveSmallIntegerField()
    signal = models.CharField(max_length=50)
    operator = models.CharField(max_length=2)
    threshold = models.FloatField()
    period = models.CharField(max_length=8)

    class Meta:
        db_table = "rule_criteria"
        verbose_name = "criterion"
        verbose_name_plural = "criteria"
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="one_criterion_per_position"),
            in_range("rule_criteria", "position", 0, MAX_SMALL_INTEGER),
            one_of("rule_criteria", "operator", Operator),
            one_of("rule_criteria", "period", Period),
            in_range("rule_criteria", "threshold", 0, MAX_COUNT),
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.operator} {self.threshold} ({self.period})"


class RuleCount(models.Model):
    """How many sprouts a version of a rule matched when it was last counted, whoever comes first.

    A cache of what the signals say: written by `advancement.evaluation.counts` alone, and may be deleted.
    """

    version = models.OneToOneField(RuleVersion, models.CASCADE, primary_key=True, related_name="count")
    matches = models.PositiveIntegerField()
    candidates = models.PositiveIntegerField(help_text="Sprouts in its model and from tier.")
    held = models.PositiveIntegerField(default=0, help_text="Those of the matches that are on hold.")
    no_signals = models.PositiveIntegerField(
        default=0, help_text="Those of the other matches that have no signals at all."
    )
    overlaps = models.JSONField(
        default=list, help_text="The earlier rules that some of its matches also meet, with how many."
    )
    as_of = models.DateTimeField()

    class Meta:
        db_table = "rule_counts"
        constraints = [
            in_range("rule_counts", "matches", 0, MAX_INTEGER),
            in_range("rule_counts", "candidates", 0, MAX_INTEGER),
            in_range("rule_counts", "held", 0, MAX_INTEGER),
            in_range("rule_counts", "no_signals", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.matches} of {self.candidates}"

    @property
    def movable(self) -> int:
        """How many of the matches a run may move."""
        return self.matches - self.held - self.no_signals
