"""One worker at a time: a lease on the database's clock with a fencing token, renewed while it is at work."""

import logging
import os
import socket
import threading
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TypeVar

import django.db
from django.conf import settings
from django.db import connections, transaction
from django.db.models import F, Q, QuerySet

from advancement.criteria.errors import LeaseLost
from advancement.database.clock import ClockTimestamp
from advancement.database.limits import limit_idling
from advancement.models.leases import Leased

logger = logging.getLogger(__name__)

# What has been taken up so often and whose worker died again is not simply taken up once more, so that
# whatever kills its workers does not keep others from their turn.
MOST_ATTEMPTS: Final = 5
# Renewed so often within a lease, one that comes late or fails does no harm.
_RENEWALS: Final = 4

Row = TypeVar("Row", bound=Leased)


def owner() -> str:
    """Return the name of this worker: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def usual_lease() -> timedelta:
    """Return how long a worker may stay silent."""
    seconds: float = settings.ADVANCEMENT_LEASE.total_seconds()
    return timedelta(seconds=seconds)


def nobody_holds() -> Q:
    """Return the condition that nobody works on a row: its lease has run out, or nobody ever had it."""
    return Q(lease_expires_at__lt=ClockTimestamp()) | Q(lease_expires_at__isnull=True)


def hand_over(rows: "QuerySet[Row]", **values: object) -> int:
    """Update rows under a new token, which shuts a former worker out; return how many they were."""
    return rows.update(lease_token=F("lease_token") + 1, **values)


def take_first(rows: "QuerySet[Row]", **values: object) -> Row | None:
    """Take the first of the rows that nobody works on, with values to set; return it as it then stands."""
    using = rows.db
    with transaction.atomic(using=using):
        limit_idling(using)
        row = rows.filter(nobody_holds()).select_for_update(skip_locked=True).first()
        if row is None:
            return None
        hand_over(
            rows.filter(pk=row.pk),
            lease_owner=owner(),
            lease_expires_at=ClockTimestamp() + usual_lease(),
            attempts=F("attempts") + 1,
            **values,
        )
        row.refresh_from_db(using=using)
        return row


class Held:
    """A lease that is held for as long as a block takes: renewed meanwhile, given back when the block fails.

    The work may be one long statement, which leaves its own connection no time. So a thread renews the
    lease on a connection of its own; it stops with the process, whether that is killed or stopped.
    """

    def __init__(self, row: Leased, *, using: str = "default") -> None:
        self._mine = type(row)._default_manager.using(using).filter(pk=row.pk, lease_token=row.lease_token)
        self._name = f"{row._meta.verbose_name} {row.pk}"
        self._using = using
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew_until_ended, daemon=True)

    def write(self, **values: object) -> None:
        """Write something of the row; raise LeaseLost when somebody else has taken it."""
        if self._mine.update(**values) != 1:
            raise LeaseLost(f"Another worker has taken {self._name} over; this one writes nothing more.")

    def __enter__(self) -> Self:
        self._renewing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._renewing.join()
        if error is not None:
            self._give_back()

    def _give_back(self) -> None:
        """Let the lease end now, so that whoever comes next need not wait for it."""
        if not connections[self._using].in_atomic_block:
            connections[self._using].close()
        try:
            self._mine.update(lease_expires_at=None)
        except django.db.Error as error:
            logger.warning("The lease of %s runs out by itself: %s", self._name, error)

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(usual_lease().total_seconds() / _RENEWALS):
            try:
                # Not once it is at its end, nor under another token.
                self._mine.filter(lease_expires_at__isnull=False).update(
                    lease_expires_at=ClockTimestamp() + usual_lease()
                )
            except django.db.Error as error:
                logger.warning("The lease of %s was not renewed: %s", self._name, error)
            finally:
                connections[self._using].close()
