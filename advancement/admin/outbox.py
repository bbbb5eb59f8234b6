"""The outbox: what was told to whom, what could not be, and another chance for it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from advancement.admin.records import RecordAdmin
from advancement.models import OutboxMessage
from advancement.notifications.outbox import try_again


@admin.register(OutboxMessage)
class OutboxMessageAdmin(RecordAdmin):
    """Messages to the outside, newest first; they are written by runs and only tried again from here."""

    list_display = [
        *("key", "kind", "channel", "recipient", "status", "attempts", "error"),
        *("created_at", "due_at", "sent_at"),
    ]
    list_filter = ["status", "channel", "kind", "created_at"]
    search_fields = ["key", "recipient", "=run_id", "error"]
    search_help_text = "A part of the key, the recipient or the error, or a run's number"
    actions = ["try_again_now"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Let those try again who may change messages, though nobody may edit one."""
        user: Any = request.user
        return bool(user.has_perm("advancement.change_outboxmessage"))

    @admin.action(description="Try again now", permissions=["retry"])
    def try_again_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        """Make the chosen messages due, with all their tries before them."""
        chosen, again = queryset.count(), try_again(queryset)
        self.message_user(
            request,
            f"{again:,} of {chosen:,} messages will be sent within a minute. "
            "Those that were sent, or are being sent, stay as they are.",
            messages.SUCCESS if again else messages.WARNING,
        )
