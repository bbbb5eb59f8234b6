"""Sprouts and the uses that were observed of them."""

import uuid
from typing import Final

from django.db import models
from django.db.models.functions import Left, Upper

from advancement.models.constraints import MAX_INTEGER, in_range, not_empty, one_of
from advancement.models.lifecycle import LifecycleModel

# A search of more words than this looks for the first ones.
_MOST_WORDS: Final = 6
# Titles that begin with the same characters, this many, are in order of their ids: an index of whole titles
# would refuse long ones.
_COMPARED: Final = 100
_IN_ORDER: Final = Upper(Left("title", _COMPARED))


def titled(text: str, column: str = "title") -> models.Q:
    """Return the condition that a column of titles holds every word of a text, in any order and case."""
    words = text.split()[:_MOST_WORDS]
    return models.Q(*(models.Q(**{f"{column}__icontains": word}) for word in words))


class SproutQuerySet(models.QuerySet["Sprout"]):
    """Sprouts, and the order in which people look for them."""

    def with_title_order(self) -> "SproutQuerySet":
        """Give each sprout its `title_order`, by which an index has them in alphabetical order."""
        return self.annotate(title_order=_IN_ORDER)

    def in_title_order(self) -> "SproutQuerySet":
        """Return the sprouts in alphabetical order."""
        return self.annotate(title_order=_IN_ORDER).order_by("title_order", "id")


class Sprout(models.Model):
    """A note or document that sits in a tier.

    `tier` is written by `advancement.apply` alone; `initial_tier` never changes. `revision` counts the
    events and the holds set or released, so that a plan made on an older revision cannot be applied.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.TextField()
    lifecycle_model = models.ForeignKey(
        LifecycleModel, models.PROTECT, db_index=False, related_name="sprouts"
    )
    tier = models.CharField(max_length=100)
    initial_tier = models.CharField(max_length=100, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)
    tier_updated_at = models.DateTimeField()
    created_at = models.DateTimeField()

    objects = SproutQuerySet.as_manager()

    class Meta:
        indexes = [
            # Serves the list of sprouts; titles do not change when tiers do.
            models.Index(_IN_ORDER, "id", name="sprouts_in_title_order"),
        ]
        # No index on tier: it would end heap-only updates on PostgreSQL and does not help the run.
        db_table = "sprouts"
        permissions = [
            ("override_tiers", "Can override the tier of a sprout"),
            ("hold_sprouts", "Can set and release holds"),
            ("import_data", "Can import"),
            ("export_data", "Can export"),
        ]
        constraints = [
            not_empty("sprouts", "tier"),
            not_empty("sprouts", "initial_tier"),
            in_range("sprouts", "revision", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return self.title


class UsageEventType(models.TextChoices):
    """What was done with the sprout."""

    VIEWED = "sprout_viewed"
    RETRIEVED = "sprout_retrieved"
    REFERENCED = "sprout_referenced"
    SEARCHED = "sprout_searched"
    RATED = "sprout_rated"
    EXPORTED = "sprout_exported"
    PROMOTED = "sprout_promoted"
    REFINED = "sprout_refined"


class Rating(models.TextChoices):
    """The vote of a `sprout_rated` event."""

    UP = "up"
    DOWN = "down"


class UsageEvent(models.Model):
    """One observed use of a sprout."""

    id = models.CharField(max_length=200, primary_key=True)
    sprout = models.ForeignKey(Sprout, models.CASCADE, db_index=False, related_name="usage_events")
    event_type = models.CharField(max_length=20, choices=UsageEventType)
    created_at = models.DateTimeField()
    session_id = models.CharField(max_length=200)
    user_id = models.CharField(max_length=200, blank=True, default="")
    lens_id = models.CharField(max_length=200, blank=True, default="")
    hub_id = models.CharField(max_length=200, blank=True, default="")
    query_hash = models.CharField(max_length=200, blank=True, default="")
    rating = models.CharField(max_length=4, blank=True, default="", choices=Rating)

    class Meta:
        db_table = "usage_events"
        constraints = [
            not_empty("usage_events", "id"),
            not_empty("usage_events", "session_id"),
            one_of("usage_events", "event_type", UsageEventType.values),
            models.CheckConstraint(
                name="usage_events_rating_when_rated",
                condition=models.Q(event_type="sprout_rated", rating__in=["up", "down"])
                | (~models.Q(event_type="sprout_rated") & models.Q(rating="")),
            ),
        ]
        indexes = [
            # Serves aggregation: the events of a dirty sprout.
            models.Index(fields=["sprout", "created_at"], name="usage_events_of_sprout"),
            # Serves aggregation: events that entered or left a window since the last refresh.
            models.Index(fields=["created_at"], name="usage_events_in_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}"
