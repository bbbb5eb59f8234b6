"""The outbox: what is to be told to people and programs outside, until it is told."""

import uuid

from django.db import models
from django.db.models import Q

from advancement.models.constraints import MAX_SMALL_INTEGER, in_range, not_empty, one_of


class NotificationKind(models.TextChoices):
    """What happened."""

    ADVANCED = "advanced"
    FAILED = "failed"
    HELD = "held"
    ROLLED_BACK = "rolled-back", "Rolled back"
    TEST = "test"


class Channel(models.TextChoices):
    """How it is told."""

    EMAIL = "email", "e-mail"
    WEBHOOK = "webhook"


class OutboxStatus(models.TextChoices):
    """Where a message stands."""

    PENDING = "pending", "Waiting"
    SENT = "sent"
    FAILED = "failed", "Given up"


class OutboxMessage(models.Model):
    """One message to one recipient, written in the transaction of what it tells about.

    `key` names the event, so that nothing is told twice. Whoever sends holds the lease: its token is
    raised at each taking, and the outcome is recorded only under the token that was taken. For a
    webhook the recipient is the setting that holds its address, since the address may be a secret.
    """

    key = models.CharField(max_length=100, help_text="The event, as in run-12-succeeded.")
    kind = models.CharField(max_length=11, choices=NotificationKind)
    channel = models.CharField(max_length=7, choices=Channel)
    recipient = models.CharField(max_length=320)
    # Plain, as on events: a message outlives whatever it tells about.
    run_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    fields = models.JSONField(default=dict, help_text="The same for programs.")
    delivery_id = models.UUIDField(default=uuid.uuid4, unique=True, help_text="The same at each try.")

    status = models.CharField(max_length=7, choices=OutboxStatus, default=OutboxStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why the last try failed.")
    created_at = models.DateTimeField()
    waiting_since = models.DateTimeField(help_text="When it was written, or given another chance.")
    due_at = models.DateTimeField(help_text="When it is to be tried next.")
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    lease_token = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "outbox_messages"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "channel", "recipient"], name="one_message_per_event_and_recipient"
            ),
            one_of("outbox_messages", "kind", NotificationKind.values),
            one_of("outbox_messages", "channel", Channel.values),
            one_of("outbox_messages", "status", OutboxStatus.values),
            not_empty("outbox_messages", "key"),
            not_empty("outbox_messages", "recipient"),
            in_range("outbox_messages", "attempts", 0, MAX_SMALL_INTEGER),
            models.CheckConstraint(
                name="outbox_messages_end_with_time",
                condition=Q(status=OutboxStatus.PENDING, sent_at__isnull=True, failed_at__isnull=True)
                | Q(status=OutboxStatus.SENT, sent_at__isnull=False, failed_at__isnull=True)
                | Q(status=OutboxStatus.FAILED, sent_at__isnull=True, failed_at__isnull=False),
            ),
        ]
        indexes = [
            # Serve each minute's look for something to send, and /readyz.
            models.Index(fields=["due_at"], name="outbox_messages_due", condition=Q(status="pending")),
            models.Index(fields=["failed_at"], name="outbox_messages_failed", condition=Q(status="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.key} by {self.get_channel_display()}"
