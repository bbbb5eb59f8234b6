"""The outbox in the console: its list, a message's page, another chance for one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from advancement.models import OutboxMessage
from tests.console.people import operator, viewer
from tests.notifications.conftest import make_message

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _given_up(**fields: Any) -> OutboxMessage:
    return make_message(status="failed", failed_at=NOW, attempts=12, **fields)


def _shown(client: Client, **asked: str) -> list[OutboxMessage]:
    return list(client.get(reverse("console:notifications"), asked).context["page"].rows)


def test_an_outbox_in_which_nothing_is_says_what_will_stand_there() -> None:
    assert "Nothing was told yet" in viewer().get(reverse("console:notifications")).text


def test_messages_are_found_by_status_kind_and_channel() -> None:
    failed, waiting = (
        _given_up(key="run-1-failed", kind="failed"),
        make_message(key="run-2-held", kind="held"),
    )
    client = viewer()
    assert _shown(client) == [waiting, failed]
    assert _shown(client, status="failed") == _shown(client, kind="failed") == [failed]
    assert _shown(client, channel=waiting.channel, status="pending") == [waiting]
    assert _shown(client, status="no-such") == []


def test_a_message_says_where_it_stands_and_what_it_tells() -> None:
    message = _given_up(error="The receiver answered 500.", fields={"kind": "held", "run": "12"})
    page = viewer().get(reverse("console:notification", args=[message.pk])).text
    assert "The receiver answered 500." in page
    assert "12 of 12" in page
    assert "&quot;run&quot;: &quot;12&quot;" in page
    assert "Try again now" not in page
    assert operator().get(reverse("console:notification", args=[999])).status_code == 404


def test_a_secret_that_somebody_put_into_a_message_is_blotted_out(settings: Any) -> None:
    settings.NOTIFY_WEBHOOK_SECRET = "hunter2-secret"
    message = make_message(error="got hunter2-secret", text="hunter2-secret", fields={"a": "hunter2-secret"})
    page = viewer().get(reverse("console:notification", args=[message.pk])).text
    assert "hunter2" not in page


def test_one_message_is_given_another_chance_and_the_others_are_left() -> None:
    first, second = _given_up(key="run-1-failed"), _given_up(key="run-2-failed")
    client = operator()
    assert "Try again now" in client.get(reverse("console:notification", args=[first.pk])).text
    page = client.post(reverse("console:resend_one", args=[first.pk]), follow=True)
    assert "tried again within a minute" in page.text
    assert OutboxMessage.objects.get(status="pending") == first
    assert OutboxMessage.objects.get(status="failed") == second


def test_what_was_sent_is_not_sent_again() -> None:
    message = make_message(status="sent", sent_at=NOW)
    page = operator().post(reverse("console:resend_one", args=[message.pk]), follow=True)
    assert "stays as it is" in page.text
    assert OutboxMessage.objects.get().status == "sent"


def test_the_filter_offers_what_can_be_listed() -> None:
    make_message()
    page = operator().get(reverse("console:notifications")).text
    assert 'value="held"' in page
    assert 'value="test"' not in page
