"""The signals' page: refreshing them is asked for there, done by the task cluster, and followed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import django.db
import pytest
from django.test import Client
from django.urls import reverse

from advancement.database.clock import database_now
from advancement.models import SignalAggregation, SignalRefresh, SignalRequest
from advancement.runs import refreshing
from advancement.tasks import tick, work
from tests.aggregation.conftest import make_event
from tests.console.markup import markup
from tests.console.people import operator, viewer
from tests.factories import make_sprout

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = datetime(2026, 1, 2, tzinfo=UTC)


def _page(client: Client) -> str:
    return markup(client.get(reverse("console:signals")))


def _ask(client: Client) -> Any:
    return client.post(reverse("console:signals"), follow=True)


def test_usage_events_become_signals_by_a_click() -> None:
    make_event(make_sprout(), SEEN)
    client = operator()
    assert "usage events and no signals yet" in _page(client)
    assert "It waits for a task cluster" in markup(_ask(client))
    assert not SignalRefresh.objects.exists()
    work()
    assert "1 sprout as of" in _page(client)
    assert SignalAggregation.objects.count() == 3


def test_the_next_look_for_work_takes_up_a_wish_whose_wake_up_got_lost() -> None:
    assert tick() is False
    refreshing.ask_for_refresh(by="somebody")
    assert tick() is True


def test_it_says_when_it_is_at_work_and_a_second_wish_is_refused() -> None:
    client = operator()
    _ask(client)
    SignalRequest.objects.update(worked_at=database_now())
    assert "Turning usage events into signals" in _page(client)
    assert "are being refreshed already: operator asked for it at" in _ask(client).text
    assert refreshing.refresh_when_asked() is None
    assert not SignalRefresh.objects.exists()


def test_one_whose_worker_died_is_taken_up_again() -> None:
    refreshing.ask_for_refresh(by="somebody")
    SignalRequest.objects.update(worked_at=database_now() - timedelta(hours=2))
    assert refreshing.refresh_when_asked() is not None


def test_a_failure_is_shown_with_its_reason_until_a_refresh_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise django.db.OperationalError("the disk is full\nand more")

    client = operator()
    _ask(client)
    with monkeypatch.context() as patched:
        patched.setattr(refreshing, "refresh_signals", fail)
        work()
    page = _page(client)
    assert "asked for failed; the signals are as they were" in page
    assert "the disk is full" in page
    _ask(client)
    work()
    assert "failed" not in _page(client)


def test_nobody_takes_it_up_without_a_cluster_and_the_page_says_so() -> None:
    client = operator()
    _ask(client)
    SignalRequest.objects.update(asked_at=database_now() - timedelta(minutes=2))
    assert "No task cluster has taken it up for 2 minutes" in _page(client)


def test_somebody_who_may_not_start_runs_sees_how_it_stands_without_the_button() -> None:
    page = _page(viewer())
    assert "no usage events to compute them from" in page
    assert "Refresh signals</button>" not in page


def test_health_offers_it_too() -> None:
    assert "Refresh signals</button>" in markup(operator().get(reverse("console:health")))
