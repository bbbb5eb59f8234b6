"""Receivers that are real: web and mail servers on this machine, in threads of their own."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from advancement.models import OutboxMessage
from tests.database.rows import saved
from tests.factories import CREATED
from tests.runs.conftest import beside

__all__ = ["beside"]

SECRET = "a-long-random-value"
ADDRESSES = ["ada@example.org", "ben@example.org"]


@dataclass
class Delivery:
    """What a web receiver got."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass
class Receiver:
    """A web server that notes what it gets and answers as it is told."""

    url: str = ""
    status: int = 200
    delay: float = 0
    trickle: bytes = b""  # for ever, before the status or after it
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"ok"
    got: list[Delivery] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(Delivery(self.path, dict(self.headers), body))
                time.sleep(receiver.delay)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                if not receiver.trickle.startswith(b"HTTP"):
                    self.flush_headers()
                while receiver.trickle:
                    self.wfile.write(receiver.trickle)
                    time.sleep(0.05)
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *arguments: Any) -> None:
                """Stay quiet."""

        return Handler


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """Say nothing of senders that hang up."""


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    """Let a receiver listen while the block lasts."""
    with running(QuietServer(("127.0.0.1", 0), receiver.handler())) as port:
        receiver.url = f"http://127.0.0.1:{port}/hooks/path-that-is-a-secret"
        yield receiver


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[int]:
    """Run a server in a thread; yield its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """Configure a webhook whose receiver is on this machine."""
    with serving(Receiver()) as found:
        settings.NOTIFY_WEBHOOK_URL = found.url
        settings.NOTIFY_WEBHOOK_SECRET = SECRET
        settings.NOTIFY_WEBHOOK_ALLOW_PRIVATE = True
        yield found


@pytest.fixture
def emails(settings: Settings, mailoutbox: list[Any]) -> list[Any]:
    """Configure two e-mail addresses; what is sent is kept in a list."""
    settings.NOTIFY_EMAILS = list(ADDRESSES)
    settings.DEFAULT_FROM_EMAIL = "Grove <grove@example.org>"
    return mailoutbox


@dataclass
class MailServer:
    """What a mail server got, and the code with which it answers to recipients."""

    got: list[Message] = field(default_factory=list)
    recipient_code: int = 250

    def handler(self) -> type[socketserver.StreamRequestHandler]:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say(220)
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        self.say(server.recipient_code)
                    elif verb == b"DATA":
                        self.say(354)
                        lines = iter(self.rfile.readline, b".\r\n")
                        server.got.append(message_from_bytes(b"".join(lines)))
                        self.say(250)
                    elif verb == b"QUIT":
                        self.say(221)
                        break
                    else:
                        self.say(250)

            def say(self, code: int) -> None:
                self.wfile.write(f"{code} as you say, hunter2\r\n".encode())

        return Handler


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """Configure a mail server on this machine and one address."""
    found = MailServer()
    with running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), found.handler())) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.NOTIFY_EMAILS = ADDRESSES[:1]
        yield found


def message_values(**values: Any) -> OutboxMessage:
    """Return a message to the webhook that is due and not saved yet."""
    defaults: dict[str, Any] = {
        "key": "run-12-succeeded",
        "kind": "advanced",
        "channel": "webhook",
        "recipient": "NOTIFY_WEBHOOK_URL",
        "run_id": 12,
        "subject": "Grove Console: 2 sprouts advanced in run 12",
        "text": "2 sprouts advanced in run 12.",
        "fields": {"kind": "advanced", "run": "12"},
        "created_at": CREATED,
        "waiting_since": CREATED,
        "due_at": CREATED,
    }
    return OutboxMessage(**defaults | values)


def make_message(**values: Any) -> OutboxMessage:
    """Save a message to the webhook that is due."""
    message: OutboxMessage = saved(message_values(**values))
    return message


def let_time_pass() -> None:
    """Let every lease and every waiting time pass at once."""
    OutboxMessage.objects.update(due_at=F("created_at"))
    OutboxMessage.objects.exclude(lease_expires_at=None).update(lease_expires_at=F("created_at"))
