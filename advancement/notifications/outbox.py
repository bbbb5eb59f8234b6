"""The outbox: write messages in the transaction of their event, hand them out, record what became of them.

A message is handed out under a lease on the database's clock. A sender that dies leaves it behind, and after
the lease another one sends it, perhaps a second time: delivery is at least once.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet

from advancement.criteria.wording import join_words
from advancement.database.clock import ClockTimestamp, database_now
from advancement.database.waiting import waiting_time
from advancement.models import OutboxMessage, Run
from advancement.models.outbox import Channel, OutboxStatus
from advancement.notifications.messages import Message, describe, kind_of

logger = logging.getLogger(__name__)

# Longer than any delivery may take: a task of the cluster that sends is ended after a minute.
LEASE: Final = timedelta(minutes=2)
MOST_TRIES: Final = 12
WEBHOOK: Final = "NOTIFY_WEBHOOK_URL"

_LONGEST_WAIT: Final = timedelta(hours=1)
_REMEMBERED: Final = timedelta(hours=24)

Summarise = Callable[[Run], Mapping[str, Any]]


def recipients() -> list[tuple[Channel, str]]:
    """Return who is to be told, by the settings."""
    found = [(Channel.EMAIL, address) for address in settings.NOTIFY_EMAILS]
    return found + ([(Channel.WEBHOOK, WEBHOOK)] if settings.NOTIFY_WEBHOOK_URL else [])


def announce(run: Run, summarise: Summarise, *, using: str = "default") -> None:
    """Write what there is to tell about a run that came to its end; call it in that very transaction.

    The same event is written once, however often this is called. No defect in here fails the run.
    """
    told = recipients()
    kind = kind_of(run) if told else None
    if kind is None:
        return
    try:
        with transaction.atomic(using=using):
            _write(describe(run, kind, summarise(run)), told, using)
    except Exception:
        # With the connection itself gone, the run's end cannot be committed either.
        if connections[using].needs_rollback:
            raise
        logger.exception("Run %s came to its end, and nobody can be told", run.pk)


def _write(message: Message, told: list[tuple[Channel, str]], using: str) -> None:
    now = database_now(using)
    rows = [
        OutboxMessage(
            **vars(message),
            channel=channel,
            recipient=recipient,
            created_at=now,
            waiting_since=now,
            due_at=now,
        )
        for channel, recipient in told
    ]
    OutboxMessage.objects.using(using).bulk_create(rows, ignore_conflicts=True)


def due(using: str = "default") -> "QuerySet[OutboxMessage]":
    """Return the messages whose time has come and that nobody is sending, oldest first."""
    now = ClockTimestamp()
    free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now)
    waiting = OutboxMessage.objects.using(using).filter(free, status=OutboxStatus.PENDING, due_at__lte=now)
    return waiting.order_by("due_at", "id")


def something_to_send(*, using: str = "default") -> bool:
    """Whether a message is due; cheap enough to ask every minute."""
    return due(using).exists()


def claim(*, using: str = "default") -> OutboxMessage | None:
    """Take the next message that is due, or return None; of all senders one gets it.

    It counts as tried from here on, so that one that kills its senders comes to an end as well.
    """
    with transaction.atomic(using=using):
        waiting = due(using).filter(attempts__lt=MOST_TRIES)
        message = waiting.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        _rows(message, using).update(
            lease_token=F("lease_token") + 1,
            lease_expires_at=ClockTimestamp() + LEASE,
            attempts=F("attempts") + 1,
        )
        message.refresh_from_db(using=using)
        return message


def mark_sent(message: OutboxMessage, *, using: str = "default") -> None:
    """Record that the message was delivered."""
    _record(message, using, status=OutboxStatus.SENT, sent_at=ClockTimestamp(), error="")


def mark_undelivered(
    message: OutboxMessage, error: str, *, final: bool = False, using: str = "default"
) -> OutboxStatus:
    """Record why the message was not delivered and when it is tried again; give up after the last try."""
    if final or message.attempts >= MOST_TRIES:
        _record(message, using, status=OutboxStatus.FAILED, failed_at=ClockTimestamp(), error=error)
        return OutboxStatus.FAILED
    _record(message, using, due_at=ClockTimestamp() + waiting_time(message.attempts), error=error)
    return OutboxStatus.PENDING


def give_up_on_deadly(*, using: str = "default") -> int:
    """Fail the messages whose last sender ended without a word; return how many they were."""
    return (
        due(using)
        .filter(attempts__gte=MOST_TRIES)
        .update(
            status=OutboxStatus.FAILED,
            failed_at=ClockTimestamp(),
            lease_expires_at=None,
            error="Its sender ended without a word, at the last try.",
        )
    )


def try_again(messages: "QuerySet[OutboxMessage]", *, using: str = "default") -> int:
    """Make messages due that were given up or wait for their next try; return how many they were."""
    now = database_now(using)
    standing = Q(status=OutboxStatus.FAILED) | Q(status=OutboxStatus.PENDING, lease_expires_at__isnull=True)
    chosen = OutboxMessage.objects.using(using).filter(standing, pk__in=messages.values("pk"))
    return chosen.update(
        status=OutboxStatus.PENDING, attempts=0, due_at=now, waiting_since=now, failed_at=None
    )


@dataclass(frozen=True)
class OutboxState:
    """How many messages wait and were given up, and of these how many deserve a look."""

    pending: int
    failed: int
    overdue: int
    given_up_lately: int
    waiting_since: datetime | None
    last_sent: datetime | None

    @property
    def fault(self) -> str | None:
        """A sentence when messages have waited for long, or were given up lately."""
        found = [f"{self.overdue:,} waiting for more than an hour"] if self.overdue else []
        found += [f"{self.given_up_lately:,} given up in the last 24 hours"] if self.given_up_lately else []
        if not found:
            return None
        return (
            f"outbox stuck: {join_words(found, 'and')}; start the task cluster notifications, "
            "see the errors under Health, Notifications, in the console, and try again there"
        )


def outbox_state(now: datetime | None = None, *, using: str = "default") -> OutboxState:
    """Return where the messages stand, in one query; `now` saves asking for the database's clock."""
    now = now or database_now(using)
    pending, failed = Q(status=OutboxStatus.PENDING), Q(status=OutboxStatus.FAILED)
    figures = (
        OutboxMessage.objects.using(using)
        .order_by()
        .aggregate(
            pending=Count("pk", filter=pending),
            failed=Count("pk", filter=failed),
            overdue=Count("pk", filter=pending & Q(waiting_since__lt=now - _LONGEST_WAIT)),
            given_up_lately=Count("pk", filter=failed & Q(failed_at__gt=now - _REMEMBERED)),
            waiting_since=Min("waiting_since", filter=pending),
            last_sent=Max("sent_at"),
        )
    )
    return OutboxState(**figures)


def outbox_fault(*, using: str = "default") -> str | None:
    """Return a sentence when messages have waited for long, or were given up lately."""
    return outbox_state(using=using).fault


def _record(message: OutboxMessage, using: str, **values: object) -> None:
    """Write the outcome and end the lease, unless another sender has the message by now."""
    mine = _rows(message, using).filter(lease_token=message.lease_token, status=OutboxStatus.PENDING)
    if mine.update(lease_expires_at=None, **values) != 1:
        logger.warning("Message %s was taken over by another sender", message.pk)


def _rows(message: OutboxMessage, using: str) -> "QuerySet[OutboxMessage]":
    return OutboxMessage.objects.using(using).filter(pk=message.pk)
