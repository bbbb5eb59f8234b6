"""What becomes of a message: sent by one of many senders, tried again later, given up, tried by hand."""

from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from advancement import tasks
from advancement.database.clock import database_now
from advancement.models import OutboxMessage
from advancement.notifications import send
from advancement.notifications.outbox import (
    LEASE,
    MOST_TRIES,
    claim,
    mark_sent,
    mark_undelivered,
    outbox_fault,
    something_to_send,
    try_again,
)
from advancement.notifications.send import send_due
from tests.factories import add_rule, finished_run
from tests.notifications.conftest import (
    ADDRESSES,
    SECRET,
    MailServer,
    Receiver,
    let_time_pass,
    make_message,
    message_values,
)
from tests.runs.conftest import (
    Beside,
    kill,
    needs_postgresql,
    open_transaction,
    plant,
    start_manage,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


def standing() -> OutboxMessage:
    """Return the one message as it stands."""
    return OutboxMessage.objects.get()


def send_all() -> list[str]:
    """Send what is due; return the statuses in order."""
    return [result.status for result in send_due()]


def waits_for(message: OutboxMessage) -> timedelta:
    """Return how long after its try a message is left alone, to the nearest minute."""
    seconds = (message.due_at - database_now()).total_seconds()
    return timedelta(minutes=round(seconds / 60))


def test_from_the_run_to_the_receiver_and_the_mailboxes(receiver: Receiver, emails: list[Any]) -> None:
    add_rule("citations >= 3")
    plant(2)
    run = finished_run()
    assert tasks.send_notifications() == [f"run-{run.pk}-succeeded sent"] * 3
    assert [mail.to for mail in emails] == [[address] for address in ADDRESSES]
    (got,) = receiver.got
    assert got.json["run"] == str(run.pk)
    assert got.json["text"].startswith(f"2 sprouts advanced in run {run.pk}.")
    assert send_all() == []


def test_a_message_that_was_sent_says_when_and_is_not_sent_again(receiver: Receiver) -> None:
    make_message()
    assert send_all() == ["sent"]
    message = standing()
    assert (message.status, message.attempts, message.error) == ("sent", 1, "")
    assert message.sent_at is not None
    assert message.lease_expires_at is None
    let_time_pass()
    assert send_all() == []
    assert len(receiver.got) == 1


def test_nothing_is_sent_inside_a_transaction(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    make_message()
    seen: list[bool] = []

    def note(*arguments: Any) -> None:
        seen.append(connection.in_atomic_block)

    monkeypatch.setattr(send.webhook, "deliver", note)
    assert send_all() == ["sent"]
    assert seen == [False]


def test_a_message_that_was_not_delivered_keeps_the_reason_and_waits(receiver: Receiver) -> None:
    receiver.status = 500
    make_message()
    assert send_all() == ["pending"]
    message = standing()
    assert (message.status, message.attempts) == ("pending", 1)
    assert message.error == "The receiver answered 500 Internal Server Error."
    assert message.lease_expires_at is None
    assert send_all() == [], "its time has not come"
    receiver.status = 200
    let_time_pass()
    assert send_all() == ["sent"]
    assert standing().error == ""
    first, second = receiver.got
    assert first.headers["X-Grove-Delivery"] == second.headers["X-Grove-Delivery"] == str(message.delivery_id)


def test_it_waits_longer_each_time_up_to_an_hour_and_is_given_up_after_the_twelfth(
    receiver: Receiver,
) -> None:
    receiver.status = 503
    make_message()
    waited = []
    for _ in range(MOST_TRIES - 1):
        assert send_all() == ["pending"]
        waited.append(waits_for(standing()).total_seconds() / 60)
        let_time_pass()
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert send_all() == ["failed"]
    message = standing()
    assert (message.status, message.attempts) == ("failed", 12)
    assert message.error == "The receiver answered 503 Service Unavailable."
    assert message.failed_at is not None
    let_time_pass()
    assert send_all() == []
    assert len(receiver.got) == 12


def test_a_message_that_was_given_up_can_be_tried_again_by_hand(receiver: Receiver) -> None:
    receiver.status = 500
    make_message(attempts=MOST_TRIES - 1)
    assert send_all() == ["failed"]
    assert outbox_fault() is not None
    assert try_again(OutboxMessage.objects.all()) == 1
    assert outbox_fault() is None
    receiver.status = 200
    assert send_all() == ["sent"]
    assert standing().attempts == 1


def test_a_message_that_waits_for_its_next_try_need_not_wait(receiver: Receiver) -> None:
    receiver.status = 500
    make_message()
    send_all()
    receiver.status = 200
    assert try_again(OutboxMessage.objects.all()) == 1
    assert send_all() == ["sent"]


def test_what_was_sent_or_is_being_sent_is_not_tried_again_by_hand(receiver: Receiver) -> None:
    make_message(key="run-1-succeeded")
    assert send_all() == ["sent"]
    make_message(key="run-2-succeeded")
    assert claim() is not None
    assert try_again(OutboxMessage.objects.all()) == 0


def test_one_dead_receiver_does_not_keep_the_others_from_their_message(
    receiver: Receiver, emails: list[Any]
) -> None:
    receiver.status = 500
    make_message()
    make_message(channel="email", recipient=ADDRESSES[0])
    assert send_all() == ["pending", "sent"]
    assert len(emails) == 1


@pytest.mark.parametrize("channel", ["email", "webhook"])
def test_a_recipient_that_is_no_longer_configured_is_given_up_at_once(channel: str) -> None:
    make_message(channel=channel, recipient=ADDRESSES[0])
    assert send_all() == ["failed"]
    assert "no longer" in standing().error
    assert standing().attempts == 1


def test_a_defect_is_kept_by_its_name_alone_and_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_message()

    def fail(*arguments: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(send.webhook, "deliver", fail)
    assert send_all() == ["pending"]
    assert standing().error == "It cannot be sent (RuntimeError); the log says more."


def test_a_real_mail_server_that_refuses_is_tried_again(mail_server: MailServer) -> None:
    mail_server.recipient_code = 450
    make_message(channel="email", recipient=ADDRESSES[0])
    assert send_all() == ["pending"]
    mail_server.recipient_code = 250
    let_time_pass()
    assert send_all() == ["sent"]
    assert len(mail_server.got) == 1


def test_a_sender_that_died_is_replaced_when_its_lease_has_expired(receiver: Receiver) -> None:
    make_message()
    died = claim()
    assert died is not None
    assert died.lease_expires_at is not None
    assert timedelta(minutes=2) == LEASE
    assert send_all() == []
    let_time_pass()
    assert send_all() == ["sent"]
    assert standing().attempts == 2


def test_a_sender_that_is_killed_while_it_sends_leads_to_a_second_delivery_with_the_same_id(
    receiver: Receiver,
) -> None:
    make_message()
    receiver.delay = 60
    sender = start_manage(
        "send_notifications",
        NOTIFY_WEBHOOK_URL=receiver.url,
        NOTIFY_WEBHOOK_SECRET=SECRET,
        NOTIFY_WEBHOOK_ALLOW_PRIVATE="1",
    )
    wait_until(lambda: receiver.got)
    kill(sender)
    assert (standing().status, standing().attempts) == ("pending", 1)
    assert send_all() == [], "its lease has not expired"
    receiver.delay = 0
    let_time_pass()
    assert send_all() == ["sent"]
    first, second = receiver.got
    assert first.headers["X-Grove-Delivery"] == second.headers["X-Grove-Delivery"]


def test_a_sender_that_wakes_up_late_changes_nothing_any_more(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    make_message()
    late = claim()
    assert late is not None
    let_time_pass()
    second = claim()
    assert second is not None
    mark_undelivered(late, "it was late")
    assert standing().error == ""
    assert standing().lease_expires_at == second.lease_expires_at
    mark_sent(second)
    mark_sent(late)
    assert standing().status == "sent"
    assert [record.message for record in caplog.records] == [
        f"Message {late.pk} was taken over by another sender"
    ] * 2


def test_a_message_that_kills_its_senders_is_given_up_as_well(receiver: Receiver) -> None:
    make_message()
    for _ in range(MOST_TRIES):
        assert claim() is not None
        let_time_pass()
    assert claim() is None
    assert send_all() == []
    assert (standing().status, standing().attempts) == ("failed", 12)
    assert "ended without a word" in standing().error


def test_many_senders_at_once_send_each_message_once(beside: Beside, receiver: Receiver) -> None:
    senders = 4
    OutboxMessage.objects.bulk_create([message_values(key=f"run-{n}-succeeded") for n in range(20)])
    barrier = Barrier(senders)

    def work() -> list[str]:
        barrier.wait(30)
        return send_all()

    statuses = [status for future in [beside(work) for _ in range(senders)] for status in future.result(60)]
    assert statuses == ["sent"] * 20
    assert len({got.headers["X-Grove-Delivery"] for got in receiver.got}) == len(receiver.got) == 20
    assert set(OutboxMessage.objects.values_list("status", "attempts")) == {("sent", 1)}


@needs_postgresql
def test_a_message_that_another_sender_is_taking_is_passed_over(beside: Beside) -> None:
    first, second = make_message(key="run-1-succeeded"), make_message(key="run-2-succeeded")
    with open_transaction():
        OutboxMessage.objects.select_for_update().get(pk=first.pk)
        found = beside(claim).result(30)
    assert found is not None
    assert found.pk == second.pk


def test_a_sender_begins_no_message_after_its_time(receiver: Receiver) -> None:
    receiver.delay = 0.3
    for number in range(5):
        make_message(key=f"run-{number}-succeeded")
    sent = list(send_due(seconds=0.4))
    assert 1 <= len(sent) < 5
    assert something_to_send()


def test_looking_claiming_and_recording_take_as_many_queries_for_one_message_as_for_many(
    receiver: Receiver, django_assert_num_queries: Any
) -> None:
    OutboxMessage.objects.bulk_create([message_values(key=f"run-{n}-succeeded") for n in range(200)])
    with django_assert_num_queries(1):
        assert something_to_send()
    # begin, select, update, read again, commit
    with django_assert_num_queries(5):
        message = claim()
    assert message is not None
    with django_assert_num_queries(1):
        mark_sent(message)
