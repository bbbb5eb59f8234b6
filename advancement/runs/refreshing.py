"""Refresh the signals because a person asked for it: the wish, who takes it up, and what came of it."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import django.db
from django.db import transaction
from django.db.models import Q, QuerySet

from advancement.aggregation import refresh_signals
from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.models import DirtySprout, Run, SignalRefresh, SignalRequest
from advancement.runs.retry import drop_connection, first_line, interruption_behind
from advancement.runs.waiting import USUAL_WAIT, being_worked_on

logger = logging.getLogger(__name__)

# A worker that took longer is taken for dead, and the wish is taken up again. Refreshing twice does no harm.
_SILENT_FOR: Final = timedelta(minutes=10)
_ONLY: Final = 1


@dataclass(frozen=True)
class RefreshState:
    """How refreshing the signals stands: the newest wish, the newest refresh, what waits for the next one.

    `behind` is a run that is worked on before an open wish; `unattended` says that nothing is, and that no
    cluster has taken it up for longer than usual.
    """

    request: SignalRequest | None
    refresh: SignalRefresh | None
    waiting_events: bool
    behind: Run | None = None
    unattended: bool = False

    @property
    def open(self) -> bool:
        """Whether somebody asked, and it is not done."""
        return self.request is not None and self.request.finished_at is None

    @property
    def at_work(self) -> bool:
        """Whether a worker has taken it up."""
        return self.open and self.request is not None and self.request.worked_at is not None

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
    refresh = SignalRefresh.objects.using(using).order_by("-id").first()
    state = RefreshState(request, refresh, events_wait(using=using))
    if request is None or not state.open or state.at_work:
        return state
    now = database_now(using)
    behind = being_worked_on(now, using=using).order_by("id").first()
    unattended = behind is None and now - request.asked_at > USUAL_WAIT
    return RefreshState(request, refresh, state.waiting_events, behind, unattended)


def events_wait(*, using: str = "default") -> bool:
    """Whether usage events came or went since the signals were last computed."""
    return DirtySprout.objects.using(using).exists()


def ask_for_refresh(*, by: str, using: str = "default") -> SignalRequest:
    """Put on record that somebody wants the signals refreshed; raise AdvancementError when one is open."""
    with transaction.atomic(using=using):
        now = database_now(using)
        requests = SignalRequest.objects.using(using)
        request, new = requests.select_for_update().get_or_create(
            pk=_ONLY, defaults={"asked_by": by, "asked_at": now}
        )
        if not new:
            if request.finished_at is None and not _is_silent(request, now):
                raise AdvancementError(
                    f"The signals are being refreshed already: {request.asked_by} asked for it at "
                    f"{request.asked_at:%H:%M} UTC."
                )
            request.asked_by, request.asked_at = by, now
            request.worked_at = request.finished_at = None
            request.error = ""
            request.save(using=using)
        return request


def refresh_asked_for(*, using: str = "default") -> bool:
    """Whether somebody asked for a refresh and nobody works on it."""
    return _free(using).exists()


def refresh_when_asked(*, using: str = "default") -> SignalRefresh | None:
    """Refresh the signals when somebody asked for it, as the command does; return the record of it.

    An error is kept for whoever asked. Workers may call this side by side.
    """
    if _free(using).update(worked_at=database_now(using)) == 0:
        return None
    try:
        record = refresh_signals(using=using)
    except Exception as error:
        if interruption := interruption_behind(error):
            _requests(using).update(worked_at=None)
            raise interruption from error
        if isinstance(error, django.db.Error):
            drop_connection(using)
            logger.error("The signals were not refreshed: %s", first_line(error))
        else:
            logger.exception("The signals cannot be refreshed, on a defect")
        _requests(using).update(error=first_line(error), finished_at=database_now(using))
        return None
    _requests(using).update(error="", finished_at=record.finished_at)
    logger.info("Signals refreshed for %s sprouts", record.sprouts)
    return record


def _requests(using: str) -> QuerySet[SignalRequest]:
    return SignalRequest.objects.using(using).filter(pk=_ONLY)


def _free(using: str) -> QuerySet[SignalRequest]:
    silent = database_now(using) - _SILENT_FOR
    waits = Q(worked_at__isnull=True) | Q(worked_at__lt=silent)
    return _requests(using).filter(waits, finished_at__isnull=True)


def _is_silent(request: SignalRequest, now: datetime) -> bool:
    return request.worked_at is not None and now - request.worked_at > _SILENT_FOR
