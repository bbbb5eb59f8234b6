"""The columns of whatever one worker at a time works on."""

from datetime import datetime

from django.db import models

from advancement.models.constraints import MAX_INTEGER, in_range


class Leased(models.Model):
    """A row with a lease: who works on it, until when, and how often somebody has begun.

    The token is raised at each taking, and every write of a worker requires the token that it took.
    """

    lease_token = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True

    def is_held(self, now: datetime) -> bool:
        """Whether somebody works on it."""
        return self.lease_expires_at is not None and self.lease_expires_at >= now

    def is_lost(self, now: datetime) -> bool:
        """Whether somebody worked on it and has not been heard of for longer than the lease."""
        return self.lease_expires_at is not None and self.lease_expires_at < now


def lease_in_range(table: str) -> list[models.CheckConstraint]:
    """Refuse numbers of a lease that cannot be."""
    return [in_range(table, column, 0, MAX_INTEGER) for column in ("attempts", "lease_token")]
