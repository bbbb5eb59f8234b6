"""Send what is due, one message at a time and outside of any transaction."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from advancement.models import OutboxMessage
from advancement.models.outbox import Channel, OutboxStatus
from advancement.notifications import email, webhook
from advancement.notifications.errors import NotConfigured, NotDelivered
from advancement.notifications.messages import trial_message
from advancement.notifications.outbox import (
    claim,
    give_up_on_deadly,
    mark_sent,
    mark_undelivered,
    recipients,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What became of a try: the message's status after it, and why it was not delivered."""

    message: str
    channel: str
    recipient: str
    status: str
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status == OutboxStatus.SENT


def send_due(*, seconds: float | None = None, using: str = "default") -> Iterator[Result]:
    """Send messages until none is due; with `seconds`, begin no further one after that time."""
    end = None if seconds is None else time.monotonic() + seconds
    if given_up := give_up_on_deadly(using=using):
        logger.error("%s messages were given up: their senders ended without a word", given_up)
    while (end is None or time.monotonic() < end) and (message := claim(using=using)):
        yield _send(message, using)


def send_test() -> list[Result]:
    """Send a test message through every configured channel at once, past the outbox."""
    found = []
    for channel, recipient in recipients():
        message = OutboxMessage(**vars(trial_message()), channel=channel, recipient=recipient)
        error = _problem(message)
        status = OutboxStatus.FAILED if error else OutboxStatus.SENT
        found.append(Result(message.key, channel, recipient, status, str(error or "")))
    return found


def _send(message: OutboxMessage, using: str) -> Result:
    error = _problem(message)
    if error is None:
        mark_sent(message, using=using)
        return _result(message, OutboxStatus.SENT)
    final = isinstance(error, NotConfigured)
    status = mark_undelivered(message, str(error), final=final, using=using)
    logger.warning("Message %s (%s) was not delivered: %s", message.pk, message, error)
    return _result(message, status, str(error))


def _result(message: OutboxMessage, status: OutboxStatus, error: str = "") -> Result:
    return Result(message.key, message.channel, message.recipient, status, error)


def _problem(message: OutboxMessage) -> NotDelivered | None:
    """Deliver a message; return why that did not work."""
    try:
        _deliver(message)
    except NotDelivered as error:
        return error
    except Exception as error:
        logger.exception("Message %s cannot be sent, on a defect", message.pk)
        # Its words may hold a secret; its name does not.
        return NotDelivered(f"It cannot be sent ({type(error).__name__}); the log says more.")
    return None


def _deliver(message: OutboxMessage) -> None:
    if message.channel == Channel.EMAIL:
        email.deliver(message.recipient, message.subject, message.text, str(message.delivery_id))
    else:
        webhook.deliver(message.text, message.fields, str(message.delivery_id))
