"""The signals' page: refreshing them is asked for there, done by the task cluster, and followed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django.db
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from advancement.aggregation import refresh_signals
from advancement.criteria.signals import Period
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


def _take_back(client: Client) -> Any:
    return client.post(reverse("console:take_back_refresh"), follow=True)


def _hold(until: timedelta) -> None:
    """Let somebody work on the wish, whose lease ends then from now."""
    now = database_now()
    SignalRequest.objects.update(worked_at=now, lease_token=1, lease_expires_at=now + until)


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
    _hold(timedelta(minutes=1))
    assert "Turning usage events into signals" in _page(client)
    assert "are being refreshed already: operator asked for it at" in _ask(client).text
    assert refreshing.refresh_when_asked() is None
    assert not SignalRefresh.objects.exists()


def test_one_whose_worker_was_lost_says_so_and_is_taken_up_again() -> None:
    client = operator()
    _ask(client)
    _hold(-timedelta(seconds=1))
    page = _page(client)
    assert "The worker that did this was lost" in page
    assert "Start it again now" in page
    assert refreshing.refresh_asked_for()
    assert refreshing.refresh_when_asked() is not None
    assert "Start it again now" not in _page(client)


def test_one_whose_worker_was_lost_can_be_asked_for_again() -> None:
    client = operator()
    _ask(client)
    _hold(-timedelta(seconds=1))
    assert "It waits for a task cluster" in markup(_ask(client))


def test_a_wish_that_waits_can_be_taken_back() -> None:
    client = operator()
    _ask(client)
    assert "The refresh is taken back" in _take_back(client).text
    assert refreshing.refresh_when_asked() is None
    assert "No refresh waits any more" in _take_back(client).text


def test_a_wish_that_is_at_work_cannot_be_taken_back() -> None:
    client = operator()
    _ask(client)
    _hold(timedelta(minutes=1))
    assert "Take back" not in _page(client)
    assert "No refresh waits any more" in _take_back(client).text
    assert SignalRequest.objects.exists()


@pytest.mark.parametrize("refresh", [refresh_signals, lambda: call_command("aggregate_signals")])
def test_a_refresh_that_came_about_otherwise_fulfils_the_wish(refresh: Callable[[], object]) -> None:
    client = operator()
    _ask(client)
    refresh()
    assert "It waits" not in _page(client)
    assert tick() is False
    assert refreshing.refresh_when_asked() is None
    assert SignalRefresh.objects.count() == 1


def test_a_refresh_of_one_period_or_as_of_an_earlier_day_fulfils_no_wish() -> None:
    _ask(operator())
    refresh_signals(periods=[Period.ALL_TIME])
    refresh_signals(as_of=SEEN)
    assert refreshing.refresh_asked_for()


def test_a_wish_that_was_made_while_a_refresh_was_under_way_stays_open() -> None:
    _ask(operator())
    SignalRequest.objects.update(asked_at=database_now() + timedelta(minutes=1))
    refresh_signals()
    assert refreshing.refresh_asked_for()


def test_what_is_followed_brings_the_head_of_the_page_up_to_date_as_well() -> None:
    client = operator()
    assert "Never refreshed" in _page(client)
    _ask(client)
    work()
    part = markup(client.get(reverse("console:signals"), headers={"HX-Request": "true"}))
    assert '<li id="refreshed" hx-swap-oob="true">Refreshed ' in part


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
