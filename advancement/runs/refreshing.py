"""Refresh the signals because a person asked for it: the wish, who takes it up, and what came of it."""

import logging
from dataclasses import dataclass, replace
from typing import Final

import django.db
from django.db import transaction
from django.db.models import QuerySet

from advancement.aggregation import refresh_signals
from advancement.criteria.errors import AdvancementError, LeaseLost
from advancement.database.clock import ClockTimestamp, database_now
from advancement.leases import MOST_ATTEMPTS, Held, hand_over, nobody_holds, take_first
from advancement.models import DirtySprout, SignalRefresh, SignalRequest
from advancement.runs.retry import drop_connection, first_line, interruption_behind
from advancement.runs.waiting import USUAL_WAIT, AtWork, at_work

logger = logging.getLogger(__name__)

_ONLY: Final = 1


@dataclass(frozen=True)
class RefreshState:
    """How refreshing the signals stands: the newest wish, the refresh behind them, what waits for the next.

    A worker is `at_work` on an open wish, or was and is `lost`. `behind` is what is worked on before
    one that waits; `unattended` says that nothing is, and that no cluster has taken it up for longer than
    usual.
    """

    request: SignalRequest | None
    refresh: SignalRefresh | None
    waiting_events: bool
    at_work: bool = False
    lost: bool = False
    behind: AtWork | None = None
    unattended: bool = False

    @property
    def open(self) -> bool:
        """Whether somebody asked, and it is not done."""
        return self.request is not None and self.request.finished_at is None

    @property
    def failed(self) -> bool:
        """Whether the newest wish came to nothing, and nothing refreshed the signals since."""
        request = self.request
        if request is None or request.finished_at is None or not request.error:
            return False
        return self.refresh is None or self.refresh.finished_at < request.finished_at

    @property
    def up_to_date(self) -> bool:
        """Whether a refresh would find nothing new but the time that has passed."""
        if self.refresh is None or self.failed or self.waiting_events:
            return False
        return not self.refresh.stands_back


def refresh_state(*, using: str = "default") -> RefreshState:
    """Return how refreshing the signals stands now."""
    request = SignalRequest.objects.using(using).first()
    refresh = SignalRefresh.objects.using(using).behind()
    state = RefreshState(request, refresh, events_wait(using=using))
    if request is None or not state.open:
        return state
    now = database_now(using)
    if request.lease_expires_at is not None:
        return replace(state, at_work=request.is_held(now), lost=request.is_lost(now))
    behind = at_work(now, using=using)
    unattended = behind is None and now - request.asked_at > USUAL_WAIT
    return replace(state, behind=behind, unattended=unattended)


def events_wait(*, using: str = "default") -> bool:
    """Whether usage events came or went since the signals were last computed."""
    return DirtySprout.objects.using(using).exists()


def ask_for_refresh(*, by: str, using: str = "default") -> SignalRequest:
    """Put on record that somebody wants the signals refreshed.

    An open wish whose worker was lost makes room for the new one. Raise AdvancementError when another one
    is open.
    """
    with transaction.atomic(using=using):
        now = database_now(using)
        requests = SignalRequest.objects.using(using)
        request, new = requests.select_for_update().get_or_create(
            pk=_ONLY, defaults={"asked_by": by, "asked_at": now}
        )
        if not new:
            if request.finished_at is None and not request.is_lost(now):
                raise AdvancementError(
                    f"The signals are being refreshed already: {request.asked_by} asked for it at "
                    f"{request.asked_at:%H:%M} UTC."
                )
            hand_over(
                _requests(using),
                asked_by=by,
                asked_at=now,
                worked_at=None,
                finished_at=None,
                error="",
                lease_expires_at=None,
                attempts=0,
            )
            request.refresh_from_db(using=using)
        return request


def take_back_refresh(*, using: str = "default") -> None:
    """Forget a wish that nobody works on; raise AdvancementError when there is none."""
    with transaction.atomic(using=using):
        waiting = _open(using).filter(nobody_holds()).select_for_update()
        if waiting.first() is None:
            raise AdvancementError("No refresh waits any more: it is at work, or done.")
        _requests(using).delete()


def refresh_asked_for(*, using: str = "default") -> bool:
    """Whether somebody asked for a refresh and nobody works on it."""
    return _open(using).filter(nobody_holds()).exists()


def refresh_when_asked(*, using: str = "default") -> SignalRefresh | None:
    """Refresh the signals when somebody asked for it, as the command does; return the record of it.

    The refresh itself ends the wish. An error is kept for whoever asked. Workers may call this side by side.
    """
    request = take_first(_open(using), worked_at=ClockTimestamp())
    if request is None:
        return None
    try:
        with Held(request, using=using) as lease:
            return _refresh(request, lease, using)
    except LeaseLost as lost:
        logger.warning("%s", lost)
        return None


def _refresh(request: SignalRequest, lease: Held, using: str) -> SignalRefresh | None:
    if request.attempts > MOST_ATTEMPTS:
        _fail(lease, f"its worker was lost {MOST_ATTEMPTS} times; refresh with aggregate_signals", using)
        return None
    try:
        record = refresh_signals(using=using)
    except Exception as error:
        if interruption := interruption_behind(error):
            raise interruption from error
        if isinstance(error, django.db.Error):
            drop_connection(using)
            logger.error("The signals were not refreshed: %s", first_line(error))
        else:
            logger.exception("The signals cannot be refreshed, on a defect")
        _fail(lease, first_line(error), using)
        return None
    logger.info("Signals refreshed for %s sprouts", record.sprouts)
    return record


def _fail(lease: Held, error: str, using: str) -> None:
    lease.write(error=error, finished_at=database_now(using), lease_expires_at=None)


def _requests(using: str) -> QuerySet[SignalRequest]:
    return SignalRequest.objects.using(using).filter(pk=_ONLY)


def _open(using: str) -> QuerySet[SignalRequest]:
    return _requests(using).filter(finished_at__isnull=True)
