"""The outbox: what was told to whom, what could not be and why, and another chance for it."""

import json
from typing import Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.diagnostics.secrets import without_secrets
from advancement.models import OutboxMessage
from advancement.models.outbox import Channel, NotificationKind, OutboxStatus
from advancement.notifications.outbox import MOST_TRIES, try_again
from advancement.rights import Right
from advancement.runs.waking import NOTIFICATIONS_CLUSTER, wake_up
from advancement.views.access import allows
from advancement.views.paging import count_up_to, page_of

_FILTERS: Final = ("status", "kind", "channel")


@allows(GET=Right.VIEW_RUNS)
def notifications(request: HttpRequest) -> HttpResponse:
    """List the messages, newest first."""
    chosen = {name: request.GET.get(name, "").strip() for name in _FILTERS}
    found = _filtered(chosen)
    count, more = count_up_to(found)
    context = {
        "title": "Notifications",
        "page": page_of(found, request, newest_first=True),
        "count": count,
        "more": more,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "statuses": OutboxStatus.choices,
        # Tests go past the outbox.
        "kinds": [kind for kind in NotificationKind.choices if kind[0] != NotificationKind.TEST],
        "channels": Channel.choices,
        "most_tries": MOST_TRIES,
    }
    return render(request, "console/notifications.html", context)


@allows(GET=Right.VIEW_RUNS)
def notification(request: HttpRequest, message_id: int) -> HttpResponse:
    """Show one message: where it stands, and what it says to people and to programs."""
    message = _message_or_404(message_id)
    context = {
        "title": message.subject,
        "here": f"Notification {message.pk}",
        "message": message,
        "error": without_secrets(message.error),
        "text": without_secrets(message.text),
        "payload": without_secrets(json.dumps(message.fields, indent=2, ensure_ascii=False)),
        "most_tries": MOST_TRIES,
    }
    return render(request, "console/notification.html", context)


@allows(POST=Right.SEND_NOTIFICATIONS)
def resend_one(request: HttpRequest, message_id: int) -> HttpResponse:
    """Make one message due now, with all its tries before it."""
    message = _message_or_404(message_id)
    if try_again(OutboxMessage.objects.filter(pk=message.pk)):
        wake_up(NOTIFICATIONS_CLUSTER)
        messages.success(request, "It will be tried again within a minute.")
    else:
        messages.warning(request, "It was sent, or is being sent, so it stays as it is.")
    return redirect("console:notification", message.pk)


def _filtered(chosen: dict[str, str]) -> "QuerySet[OutboxMessage]":
    """Return the messages that the filters leave; a value that cannot be leaves none."""
    return OutboxMessage.objects.filter(**{name: value for name, value in chosen.items() if value})


def _message_or_404(message_id: int) -> OutboxMessage:
    message = OutboxMessage.objects.filter(pk=message_id).first()
    if message is None:
        raise Http404(f"There is no notification {message_id}.")
    return message
