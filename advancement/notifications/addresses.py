"""What a host's name stands for, and whether it may be connected to.

Who may set a webhook's address must not reach with it what only this machine can reach, so addresses that
are not public are refused. The caller connects to the very addresses that were checked here: a name that
is looked up a second time may then stand for something else.
"""

import ipaddress
import queue
import socket
import threading
from typing import Any, Final, NamedTuple

from advancement.notifications.errors import NotDelivered

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class Target(NamedTuple):
    """An address to connect to, as the socket module wants it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]


def resolve(host: str, port: int, *, timeout: float, allow_private: bool) -> list[Target]:
    """Look a host up once and return all its addresses.

    Raise NotDelivered when it has none, when the look-up takes too long, or when any of the addresses
    is one that must not be connected to.
    """
    targets = _look_up(host, port, timeout)
    if not allow_private:
        for target in targets:
            refuse_unless_public(host, str(target.sockaddr[0]))
    return targets


def refuse_unless_public(host: str, address: str) -> None:
    """Raise NotDelivered for an address that is private, loopback, link-local, reserved or the like."""
    if not is_public(ipaddress.ip_address(address)):
        of_host = "" if address == host else f" of {host}"
        raise NotDelivered(
            f"The address {address}{of_host} is not a public one; set NOTIFY_WEBHOOK_ALLOW_PRIVATE=1 "
            "if the receiver is meant to be in your own network."
        )


def is_public(address: Address) -> bool:
    """Whether an address is a public one; of an IPv6 address that leads to an IPv4 one, whether that is."""
    if isinstance(address, ipaddress.IPv6Address):
        if embedded := _embedded(address):
            return is_public(embedded)
        if address.is_site_local:
            return False
    # Each Python knows other ranges under these names, so it takes them all.
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, 6to4 or translated (NAT64)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _look_up(host: str, port: int, timeout: float) -> list[Target]:
    # The system's look-up knows no timeout, so a thread does it, and is left behind when it takes too long.
    answers: queue.SimpleQueue[list[Target] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, port, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise NotDelivered(f"The host {host} could not be looked up in {timeout:.0f} seconds.") from None
    if isinstance(answer, OSError):
        raise NotDelivered(f"The host {host} could not be looked up: {answer.strerror or answer}.")
    return answer


def _ask(host: str, port: int, answers: "queue.SimpleQueue[list[Target] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put([Target(family, sockaddr) for family, _, _, _, sockaddr in found])
    except OSError as error:
        answers.put(error)
    except UnicodeError:
        answers.put(OSError("it is not a name"))
