"""Lifecycle models and their ordered tiers."""

from django.core.validators import RegexValidator
from django.db import models

from advancement.criteria.slugs import MAX_SLUG_LENGTH, SLUG_PATTERN, SLUG_WORDS
from advancement.models.constraints import MAX_SMALL_INTEGER, in_range, not_empty

slug_validator = RegexValidator(SLUG_PATTERN, f"Use {SLUG_WORDS}.")


class LifecycleModel(models.Model):
    """A named, ordered ladder of tiers that sprouts climb."""

    slug = models.CharField(max_length=MAX_SLUG_LENGTH, primary_key=True, validators=[slug_validator])
    label = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "lifecycle_models"
        constraints = [not_empty("lifecycle_models", "slug")]

    def __str__(self) -> str:
        return self.label


class Tier(models.Model):
    """One rung of a lifecycle model. Its slug never changes: sprouts, rules and events hold it by value."""

    lifecycle_model = models.ForeignKey(LifecycleModel, models.PROTECT, related_name="tiers")
    slug = models.CharField(max_length=MAX_SLUG_LENGTH, validators=[slug_validator])
    label = models.CharField(max_length=200)
    emoji = models.CharField(max_length=16, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "lifecycle_tiers"
        ordering = ["lifecycle_model", "position"]
        constraints = [
            not_empty("lifecycle_tiers", "slug"),
            in_range("lifecycle_tiers", "position", 0, MAX_SMALL_INTEGER),
            models.UniqueConstraint(fields=["lifecycle_model", "slug"], name="one_tier_per_slug"),
            models.UniqueConstraint(fields=["lifecycle_model", "position"], name="one_tier_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} {self.label}".strip()
