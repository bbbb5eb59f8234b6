"""Only public addresses are connected to, unless a setting says otherwise."""

import ipaddress
import socket
import time

import pytest

from advancement.notifications import addresses
from advancement.notifications.addresses import is_public, resolve
from advancement.notifications.errors import NotDelivered

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::1"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_only_this_machine_or_network_can_reach_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0"),
        *("localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"),
    ],
)
def test_a_host_that_stands_for_such_an_address_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(NotDelivered, match="is not a public one; set NOTIFY_WEBHOOK_ALLOW_PRIVATE=1"):
        resolve(host, 80, timeout=5, allow_private=False)
    assert resolve(host, 80, timeout=5, allow_private=True)


def test_one_private_address_among_public_ones_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotDelivered, match=r"The address 10\.0\.0\.7 of hooks\.example\.org"):
        resolve("hooks.example.org", 80, timeout=5, allow_private=False)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_host_that_is_not_there_is_said(host: str) -> None:
    with pytest.raises(NotDelivered, match=rf"The host {host} could not be looked up: "):
        resolve(host, 80, timeout=30, allow_private=False)


def test_a_look_up_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_ask", lambda *_: time.sleep(3))
    started = time.monotonic()
    with pytest.raises(NotDelivered, match="could not be looked up in 0 seconds"):
        resolve("hooks.example.org", 80, timeout=0.1, allow_private=False)
    assert time.monotonic() - started < 2
