"""Webhooks on real connections: signed, to the address that was checked, and never for long."""

import hashlib
import hmac
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from advancement.notifications import webhook
from advancement.notifications.errors import NotConfigured, NotDelivered
from advancement.notifications.webhook import deliver
from tests.notifications.conftest import SECRET, QuietServer, Receiver, running, serving

ROOT = Path(__file__).parents[2]
FIELDS = {"kind": "advanced", "run": "12", "counts": {"advanced": 2}}


def refused() -> str:
    """Return why a delivery fails."""
    with pytest.raises(NotDelivered) as refusal:
        deliver("text", FIELDS, "an-id")
    sentence = str(refusal.value)
    assert sentence.endswith(".") or "NOTIFY_WEBHOOK" in sentence
    assert SECRET not in sentence
    assert "path-that-is-a-secret" not in sentence
    return sentence


def test_text_and_fields_arrive_as_one_json_object(receiver: Receiver) -> None:
    deliver("2 sprouts advanced – 🌱", FIELDS, "an-id")
    (got,) = receiver.got
    assert got.path == "/hooks/path-that-is-a-secret"
    assert got.json == {"text": "2 sprouts advanced – 🌱", **FIELDS}
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Host"] == receiver.url.split("/")[2]
    assert got.headers["X-Grove-Delivery"] == "an-id"


def test_foreign_words_cannot_call_everybody_in_a_channel(receiver: Receiver) -> None:
    deliver("<!channel> & <https://example.org|click>", FIELDS, "an-id")
    assert receiver.got[0].json["text"] == "&lt;!channel&gt; &amp; &lt;https://example.org|click&gt;"


def test_time_and_body_are_signed(receiver: Receiver) -> None:
    deliver("text", FIELDS, "an-id")
    (got,) = receiver.got
    sent = got.headers["X-Grove-Timestamp"]
    assert abs(time.time() - int(sent)) < 60
    expected = hmac.new(SECRET.encode(), sent.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Grove-Signature"] == f"sha256={expected}"


def test_the_signature_is_verified_as_the_documents_say(receiver: Receiver) -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    is_genuine = namespace["is_genuine"]
    deliver("text", FIELDS, "an-id")
    (got,) = receiver.got
    assert is_genuine(SECRET, got.headers, got.body)
    assert not is_genuine("another secret", got.headers, got.body)
    assert not is_genuine(SECRET, got.headers, got.body + b" ")
    old = str(int(got.headers["X-Grove-Timestamp"]) - 3600)
    replayed = got.headers | {
        "X-Grove-Timestamp": old,
        "X-Grove-Signature": webhook.signature(SECRET, old, got.body),
    }
    assert not is_genuine(SECRET, replayed, got.body)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_each_2xx_is_a_receipt(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.answer = status, b""
    deliver("text", FIELDS, "an-id")
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "The receiver answered 400 Bad Request."),
        (404, "The receiver answered 404 Not Found."),
        (500, "The receiver answered 500 Internal Server Error."),
        (599, "The receiver answered 599."),
    ],
)
def test_any_other_status_is_named_and_nothing_else_of_the_answer(
    receiver: Receiver, status: int, sentence: str
) -> None:
    receiver.status, receiver.answer = status, SECRET.encode()
    assert refused() == sentence


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with serving(Receiver()) as other:
        receiver.status, receiver.headers = status, {"Location": other.url}
        assert "a redirect, which is not followed" in refused()
        assert other.got == []
    assert len(receiver.got) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_receiver_on_this_machine_is_not_even_connected_to(
    receiver: Receiver, settings: Settings, host: str
) -> None:
    settings.NOTIFY_WEBHOOK_ALLOW_PRIVATE = False
    settings.NOTIFY_WEBHOOK_URL = receiver.url.replace("127.0.0.1", host)
    assert "is not a public one" in refused()
    assert receiver.got == []


@pytest.mark.parametrize("host", ["10.255.255.1", "169.254.169.254", "[::1]"])
def test_nor_is_one_in_another_private_place(settings: Settings, host: str) -> None:
    settings.NOTIFY_WEBHOOK_URL, settings.NOTIFY_WEBHOOK_SECRET = f"http://{host}/latest", SECRET
    assert "is not a public one" in refused()


def test_the_name_is_looked_up_once_and_what_was_checked_is_connected_to(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    looked_up: list[str] = []

    def look_up(host: str, *arguments: Any, **options: Any) -> list[Any]:
        looked_up.append(host)
        # The second answer would lead elsewhere, as in a rebinding attack.
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    settings.NOTIFY_WEBHOOK_URL = f"http://hooks.example.org:{port}/grove"
    deliver("text", FIELDS, "an-id")
    assert looked_up == ["hooks.example.org"]
    assert receiver.got[0].headers["Host"] == f"hooks.example.org:{port}"


def test_when_one_address_does_not_answer_the_next_one_is_tried(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    found = [(socket.AF_INET, 1, 6, "", address) for address in [("127.0.0.1", 1), ("127.0.0.1", port)]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    deliver("text", FIELDS, "an-id")
    assert len(receiver.got) == 1


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    deliver("text", FIELDS, "an-id")
    assert len(receiver.got) == 1


def test_nobody_listening_is_said(receiver: Receiver, settings: Settings) -> None:
    settings.NOTIFY_WEBHOOK_URL = "http://127.0.0.1:1/path-that-is-a-secret"
    assert refused() == "The receiver cannot be talked to: connection refused."


def test_a_receiver_that_is_slow_to_answer_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "READ_SECONDS", 0.2)
    receiver.delay = 60
    started = time.monotonic()
    assert refused() == "The receiver did not answer in time."
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("trickle", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X-Padding: x\r\n"])
def test_a_receiver_that_trickles_is_cut_off_at_the_deadline(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, trickle: bytes
) -> None:
    monkeypatch.setattr(webhook, "DEADLINE_SECONDS", 0.5)
    receiver.trickle = trickle
    started = time.monotonic()
    assert refused() == "The receiver did not answer in time."
    assert time.monotonic() - started < 5


def test_an_answer_without_end_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.answer = b"x" * 30_000_000
    started = time.monotonic()
    deliver("text", FIELDS, "an-id")
    assert time.monotonic() - started < 10


def test_something_else_than_http_is_said(receiver: Receiver, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.NOTIFY_WEBHOOK_URL = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-hunter2\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert refused() == "The receiver cannot be talked to: its answer is not HTTP."


def test_without_an_address_there_is_nothing_to_deliver_to(settings: Settings) -> None:
    settings.NOTIFY_WEBHOOK_URL = ""
    with pytest.raises(NotConfigured):
        deliver("text", FIELDS, "an-id")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself, with its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl, which comes with Debian's PostgreSQL, makes the certificate")
    path = tmp_path / "certificate.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"],
            *["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
            *["-keyout", str(tmp_path / "key.pem"), "-out", str(path)],
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def secure_receiver(receiver: Receiver, settings: Settings, certificate: Path) -> Iterator[Receiver]:
    """The receiver under TLS; it notes the name that the sender asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    context.sni_callback = lambda _, name, __: receiver.headers.__setitem__("X-Asked-For", name or "nobody")
    server = QuietServer(("127.0.0.1", 0), receiver.handler())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server) as port:
        settings.NOTIFY_WEBHOOK_URL = f"https://localhost:{port}/hooks/path-that-is-a-secret"
        yield receiver


def test_under_https_the_host_is_named_and_its_certificate_is_checked(
    secure_receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    deliver("text", FIELDS, "an-id")
    assert len(secure_receiver.got) == 1
    assert secure_receiver.headers["X-Asked-For"] == "localhost"


def test_a_certificate_that_nobody_vouches_for_is_refused(secure_receiver: Receiver) -> None:
    assert refused().startswith("The certificate of localhost is not valid: self-signed certificate")
    assert secure_receiver.got == []


def test_a_certificate_of_another_host_is_refused(
    secure_receiver: Receiver, settings: Settings, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.NOTIFY_WEBHOOK_URL = settings.NOTIFY_WEBHOOK_URL.replace("localhost", "127.0.0.1")
    assert refused().startswith("The certificate of 127.0.0.1 is not valid: ")
    assert secure_receiver.got == []
