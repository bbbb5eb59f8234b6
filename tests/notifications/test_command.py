"""send_notifications as people and programs call it."""

import pytest

from advancement.models import OutboxMessage
from tests.notifications.conftest import ADDRESSES, SECRET, Receiver, make_message
from tests.runs.conftest import Ended, manage

pytestmark = pytest.mark.django_db(transaction=True)


def send(receiver: Receiver | None, *arguments: str, **environment: str) -> Ended:
    """Call the command, with the receiver configured where there is one."""
    webhook = {
        "NOTIFY_WEBHOOK_URL": receiver.url if receiver else "",
        "NOTIFY_WEBHOOK_SECRET": SECRET,
        "NOTIFY_WEBHOOK_ALLOW_PRIVATE": "1",
    }
    return manage("send_notifications", *arguments, **webhook | {"NOTIFY_EMAILS": ""} | environment)


def test_it_sends_what_is_due_and_then_there_is_nothing_more_to_do(receiver: Receiver) -> None:
    make_message()
    ended = send(receiver)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "Sent: run-12-succeeded by webhook to NOTIFY_WEBHOOK_URL.\n"
    assert len(receiver.got) == 1
    again = send(receiver)
    assert (again.code, again.out) == (0, "Nothing is due.\n")


def test_what_could_not_be_delivered_is_exit_code_1_and_waits(receiver: Receiver) -> None:
    receiver.status = 500
    make_message()
    ended = send(receiver)
    assert ended.code == 1
    assert ended.out == (
        "Not sent: run-12-succeeded by webhook to NOTIFY_WEBHOOK_URL. "
        "The receiver answered 500 Internal Server Error. It is tried again later.\n"
    )
    assert ended.err.endswith("1 of 1 messages could not be delivered.\n")
    assert OutboxMessage.objects.get().status == "pending"


def test_a_test_goes_through_every_channel_at_once_and_leaves_no_row(receiver: Receiver) -> None:
    ended = send(receiver, "--test", NOTIFY_EMAILS=",".join(ADDRESSES), EMAIL_URL="dummymail://")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "Sent: test by email to ada@example.org.",
        "Sent: test by email to ben@example.org.",
        "Sent: test by webhook to NOTIFY_WEBHOOK_URL.",
    ]
    assert receiver.got[0].json["kind"] == "test"
    assert not OutboxMessage.objects.exists()


def test_a_test_that_fails_on_one_channel_says_which_and_still_tries_the_others(receiver: Receiver) -> None:
    ended = send(receiver, "--test", NOTIFY_EMAILS=ADDRESSES[0], EMAIL_URL="smtp://user:hunter2@127.0.0.1:1")
    assert ended.code == 1
    refusal = "The mail server cannot be talked to: connection refused."
    assert ended.out.splitlines() == [
        f"Not sent: test by email to ada@example.org. {refusal}",
        "Sent: test by webhook to NOTIFY_WEBHOOK_URL.",
    ]
    assert ended.err == "1 of 2 messages could not be delivered.\n"
    assert "hunter2" not in ended.out + ended.err


@pytest.mark.parametrize("arguments", [(), ("--test",)])
def test_programs_get_one_object(receiver: Receiver, arguments: tuple[str, ...]) -> None:
    if not arguments:
        make_message()
    receiver.status = 404
    ended = send(receiver, "--json", *arguments)
    assert ended.code == 1
    assert (ended.json["sent"], ended.json["not_sent"]) == (0, 1)
    (result,) = ended.json["results"]
    assert (result["channel"], result["recipient"]) == ("webhook", "NOTIFY_WEBHOOK_URL")
    assert result["error"] == "The receiver answered 404 Not Found."


def test_an_e_mail_that_is_printed_does_not_come_between_programs_and_their_object() -> None:
    ended = send(None, "--json", "--test", NOTIFY_EMAILS=ADDRESSES[0])
    assert ended.code == 0
    assert ended.json["sent"] == 1
    assert "Subject: Grove Console: a test" in ended.err
    assert "Subject: Grove Console: a test" in send(None, "--test", NOTIFY_EMAILS=ADDRESSES[0]).out


def test_without_a_channel_there_is_nothing_to_test() -> None:
    ended = send(None, "--test")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "No channel is configured: set NOTIFY_EMAILS or NOTIFY_WEBHOOK_URL.\n"
    assert send(None).out == "Nothing is due. No channel is configured.\n"
