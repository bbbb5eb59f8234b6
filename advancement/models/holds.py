"""Holds: "automation may not move this sprout until …"."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef, Q

from advancement.models.constraints import MAX_INTEGER, in_range, not_empty
from advancement.models.rules import AdvancementRule
from advancement.models.sprouts import Sprout

if TYPE_CHECKING:
    from datetime import datetime


class HoldQuerySet(models.QuerySet["Hold"]):
    """Holds, by whether they still keep automation away."""

    def in_force(self, at: "datetime") -> "HoldQuerySet":
        """Return holds not released, not past their date, and whose rule has no newer active version."""
        newer = AdvancementRule.objects.filter(
            pk=OuterRef("rule"), active_version__number__gt=OuterRef("rule_version")
        )
        return self.filter(~Exists(newer), Q(until__isnull=True) | Q(until__gt=at), released_at__isnull=True)


class Hold(models.Model):
    """Keeps automation from moving a sprout until a date, a newer version of a rule, or its release.

    Set and released through `advancement.holds` alone, which raises the sprout's revision. Like events, it
    stays when its sprout is deleted: a sprout that comes back takes its revision from both.
    """

    sprout = models.ForeignKey(Sprout, models.DO_NOTHING, db_constraint=False, related_name="holds")
    reason = models.TextField()
    until = models.DateTimeField(null=True, blank=True)
    rule = models.ForeignKey(AdvancementRule, models.PROTECT, null=True, blank=True, related_name="+")
    rule_version = models.PositiveIntegerField(null=True, blank=True)
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=150)
    set_by_run_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=150, blank=True)
    release_reason = models.TextField(blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        db_table = "advancement_holds"
        constraints = [
            not_empty("advancement_holds", "reason"),
            not_empty("advancement_holds", "set_by"),
            in_range("advancement_holds", "rule_version", 1, MAX_INTEGER),
            models.CheckConstraint(
                name="advancement_holds_rule_with_version",
                condition=Q(rule__isnull=True, rule_version__isnull=True)
                | Q(rule__isnull=False, rule_version__isnull=False),
            ),
            models.CheckConstraint(
                name="advancement_holds_released_by_someone",
                condition=Q(released_at__isnull=True, released_by="")
                | (Q(released_at__isnull=False) & ~Q(released_by="")),
            ),
        ]

    def __str__(self) -> str:
        return f"hold on {self.sprout_id}"
