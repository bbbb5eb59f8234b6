"""E-mails: what they look like, and what a real mail server makes of them."""

import socket
from typing import Any

import pytest
from pytest_django import Settings

from advancement.notifications.email import deliver
from advancement.notifications.errors import NotConfigured, NotDelivered
from tests.notifications.conftest import ADDRESSES, MailServer

ARGUMENTS = ("2 sprouts advanced", "2 sprouts advanced in run 12 – 🌱\n", "an-id")


def test_an_e_mail_goes_to_one_recipient_and_bears_the_delivery_s_id(emails: list[Any]) -> None:
    deliver(ADDRESSES[0], *ARGUMENTS)
    (sent,) = emails
    assert (sent.to, sent.subject, sent.body) == ([ADDRESSES[0]], *ARGUMENTS[:2])
    message = sent.message()
    assert message["Message-ID"] == "<an-id@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "Grove <grove@example.org>"


def test_an_address_that_is_no_longer_named_gets_nothing(emails: list[Any]) -> None:
    with pytest.raises(NotConfigured, match=r"NOTIFY_EMAILS no longer names former@example\.org\."):
        deliver("former@example.org", *ARGUMENTS)
    assert emails == []


def test_a_real_mail_server_gets_it(mail_server: MailServer) -> None:
    deliver(ADDRESSES[0], *ARGUMENTS)
    (got,) = mail_server.got
    assert (got["To"], got["Subject"]) == (ADDRESSES[0], ARGUMENTS[0])
    body = got.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "in run 12 – 🌱" in body.decode()


def test_a_refused_recipient_is_named_with_the_code_and_not_with_the_server_s_words(
    mail_server: MailServer,
) -> None:
    mail_server.recipient_code = 550
    with pytest.raises(NotDelivered) as refusal:
        deliver(ADDRESSES[0], *ARGUMENTS)
    assert str(refusal.value) == f"The mail server refused {ADDRESSES[0]} with code 550."


def test_a_mail_server_that_is_away_is_said(mail_server: MailServer, settings: Settings) -> None:
    settings.EMAIL_PORT = 1
    with pytest.raises(NotDelivered, match="cannot be talked to: connection refused"):
        deliver(ADDRESSES[0], *ARGUMENTS)


def test_a_mail_server_that_says_nothing_is_not_waited_for(
    mail_server: MailServer, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent.getsockname()[1], 0.2
        with pytest.raises(NotDelivered, match="cannot be talked to: it hung up, or did not answer in time"):
            deliver(ADDRESSES[0], *ARGUMENTS)
