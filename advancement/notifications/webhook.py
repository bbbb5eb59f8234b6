"""Deliver a message to a webhook: one signed POST to an address that was checked, within a deadline."""

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from advancement.notifications.addresses import Target, resolve
from advancement.notifications.errors import NotConfigured, NotDelivered

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
# From the look-up of the name to the end of the answer, however slowly it trickles in.
DEADLINE_SECONDS: Final = 15.0
_MOST_READ: Final = 65_536


def deliver(text: str, fields: Mapping[str, Any], delivery_id: str) -> None:
    """POST the message to NOTIFY_WEBHOOK_URL; raise NotDelivered unless the receiver answers with 2xx."""
    if not settings.NOTIFY_WEBHOOK_URL:
        raise NotConfigured("NOTIFY_WEBHOOK_URL is no longer set.")
    body = json.dumps({"text": escaped(text), **fields}, allow_nan=False).encode()
    status = _post(urlsplit(settings.NOTIFY_WEBHOOK_URL), body, _headers(body, delivery_id))
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(_refusal(status))


def escaped(text: str) -> str:
    """Escape what Slack would take for a link or for a call to everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature header's value for a body that is sent at a time."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _headers(body: bytes, delivery_id: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Grove-Console",
        "Connection": "close",
        "X-Grove-Delivery": delivery_id,
        "X-Grove-Timestamp": timestamp,
        "X-Grove-Signature": signature(settings.NOTIFY_WEBHOOK_SECRET, timestamp, body),
    }


def _refusal(status: int) -> str:
    # The phrase is our own: the receiver's may say anything.
    phrase = f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            f"The receiver answered {status}{phrase}, a redirect, which is not followed; "
            "put the final address into NOTIFY_WEBHOOK_URL."
        )
    return f"The receiver answered {status}{phrase}."


def _post(url: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    """Return the status of the receiver's answer."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    allowed = settings.NOTIFY_WEBHOOK_ALLOW_PRIVATE
    targets = resolve(host, port, timeout=CONNECT_SECONDS, allow_private=allowed)
    with (
        _failures_in_words(host, deadline),
        _connected(targets, deadline) as raw,
        _secured(raw, url.scheme, host) as connected,
        _answer(connected, url, body, headers) as answer,
    ):
        # A head that the deadline cut off looks like a whole one.
        if _is_over(deadline):
            raise TimeoutError
        # The status says all; the rest is read so that the receiver is not cut off.
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer.read(_MOST_READ)
        return answer.status


@contextlib.contextmanager
def _failures_in_words(host: str, deadline: float) -> Iterator[None]:
    """Turn what goes wrong on a connection into NotDelivered."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise NotDelivered(f"The certificate of {host} is not valid: {error.verify_message}.") from None
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError) or _is_over(deadline):
            raise NotDelivered("The receiver did not answer in time.") from None
        raise NotDelivered(f"The receiver cannot be talked to: {_reason(error)}.") from None


def _is_over(deadline: float) -> bool:
    return time.monotonic() >= deadline - 0.1


def _answer(
    connected: socket.socket, url: SplitResult, body: bytes, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    """Send the request over a connection that stands and return the answer, its head read."""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connected.settimeout(READ_SECONDS)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port)
    connection.sock = connected
    connection.auto_open = 0  # it would look the name up again
    connection.request("POST", path, body, dict(headers))
    return connection.getresponse()


@contextlib.contextmanager
def _connected(targets: list[Target], deadline: float) -> Iterator[socket.socket]:
    """Yield a connection to one of the addresses that breaks off at the deadline."""
    connection = _connect(targets, deadline)
    # Through a descriptor of its own, so that it also ends a handshake or a read that is under way.
    handle = connection.dup()
    alarm = threading.Timer(max(deadline - time.monotonic(), 0), _shut_down, [handle])
    alarm.daemon = True
    alarm.start()
    try:
        yield connection
    finally:
        alarm.cancel()
        alarm.join()
        handle.close()
        connection.close()


def _connect(targets: list[Target], deadline: float) -> socket.socket:
    """Connect to the first address that takes the connection."""
    failure: OSError = TimeoutError()
    for target in targets:
        remaining = min(CONNECT_SECONDS, deadline - time.monotonic())
        if remaining <= 0:
            break
        connection = socket.socket(target.family, socket.SOCK_STREAM)
        connection.settimeout(remaining)
        try:
            connection.connect(target.sockaddr)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


@contextlib.contextmanager
def _secured(connection: socket.socket, scheme: str, host: str) -> Iterator[socket.socket]:
    """Yield the connection, under TLS for https: the certificate must be the host's."""
    if scheme != "https":
        yield connection
        return
    with ssl.create_default_context().wrap_socket(connection, server_hostname=host) as secured:
        yield secured


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    """Say what went wrong without what the receiver sent."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "its answer is not HTTP" if isinstance(error, http.client.HTTPException) else type(error).__name__
