"""Why a connection has ended: every reason, heartbeats, and packets that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from antiphon import ManagerState, TransportError
from faces import QUICK, Connect, Face, Guest
from hosts import Host, RecordingRelay
from interop_driver import until


def test_the_server_disconnects_a_socket(host: Host, connect: Connect) -> None:
    guest = connect(host)
    guest.watch("close")
    admin = guest.io.socket("/admin")
    admin.connect()
    until(lambda: admin.connected)
    guest.emit("kick")
    assert guest.expect("disconnect") == ["io server disconnect", None]
    assert (guest.active, guest.connected) == (False, False)
    # The other one is not meant.
    assert admin.emit_with_ack("ask", 1) == 1
    admin.emit("kick")
    assert admin.expect("disconnect") == ["io server disconnect", None]
    guest.expect("close")
    assert guest.io.state is ManagerState.CLOSED


def test_the_server_disconnects_all_sockets_of_a_connection(host: Host, connect: Connect) -> None:
    guest = connect(host)
    admin = guest.io.socket("/admin")
    admin.connect()
    until(lambda: admin.connected)
    guest.emit("kick", True)
    assert guest.expect("disconnect") == ["io server disconnect", None]
    assert admin.expect("disconnect")[0] in ("io server disconnect", "transport close")


def test_the_client_disconnects(host: Host, connect: Connect, witness: Guest) -> None:
    guest = connect(host)
    name = guest.id
    guest.disconnect()
    assert guest.expect("disconnect") == ["io client disconnect", None]
    assert (guest.active, guest.connected, guest.io.state) == (False, False, ManagerState.CLOSED)
    until(lambda: witness.emit_with_ack("reason", name) == "client namespace disconnect")
    # Once is enough.
    guest.disconnect()
    assert guest.count("disconnect") == 1


def test_the_client_closes_its_connection(host: Host, connect: Connect, witness: Guest) -> None:
    guest = connect(host)
    guest.watch("close")
    name = guest.id
    guest.io.close()
    assert guest.expect("disconnect")[0] == "forced close"
    assert guest.expect("close")[0] == "forced close"
    until(lambda: not guest.active)
    until(lambda: witness.emit_with_ack("reason", name) == "transport close")


def test_the_server_ends_the_session(host: Host, connect: Connect, transport: str) -> None:
    guest = connect(host)
    guest.emit("end")
    reason, details = guest.expect("disconnect")
    assert reason == "transport close"
    assert isinstance(details, TransportError)
    assert "the server has closed the" in str(details)
    assert (details.transport, details.url) == (transport, host.url)
    if transport == "websocket":
        assert details.status in (1000, 1005)
    # That is no wish of the server to be rid of it.
    guest.expect("connect")


def test_a_lost_connection_is_told_with_details(relay: RecordingRelay, connect: Connect, transport: str) -> None:
    guest = connect(relay)
    with relay.cut_off():
        reason, details = guest.expect("disconnect")
    assert reason == ("transport error" if transport == "polling" else "transport close")
    assert isinstance(details, TransportError)
    assert (details.transport, details.url) == (transport, relay.url)
    assert str(details)
    guest.expect("connect")


def test_a_packet_that_is_none_ends_the_connection_but_not_for_long(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for text in ("9", '2["unfinished'):
        guest.emit("raw", text)
        reason, details = guest.expect("disconnect")
        assert reason == "parse error"
        assert isinstance(details, TransportError)
        assert "what the server has sent is no packet" in str(details)
        guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1


def test_packets_that_make_no_sense_are_ignored(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo"])
    # An answer nobody waits for, an event of a namespace nobody is in, a second confirmation.
    for text in ('3999["?"]', '2/admin,["echo","?"]', '0{"sid":"another"}', '3/admin,1["?"]'):
        guest.emit("raw", text)
    guest.emit("echo", "still here")
    assert guest.expect("echo") == ["still here"]
    assert (guest.count("connect"), guest.count("disconnect"), guest.id == "another") == (1, 0, False)


# Heartbeats


@pytest.fixture
def pinging(hosts: dict[str, Host], relay_to: Callable[[Host], RecordingRelay]) -> RecordingRelay:
    """A relay before a server that pings every 0.3 s and waits 0.7 s for the answer."""
    return relay_to(hosts["pinging"])


def test_heartbeats_are_answered_and_told(pinging: RecordingRelay, connect: Connect) -> None:
    guest = connect(pinging)
    guest.watch("ping")
    until(lambda: guest.count("ping") >= 4)
    # The server would have noticed.
    assert guest.connected
    assert guest.count("disconnect") == 0
    assert guest.all("ping") == [[]] * guest.count("ping")


def test_a_silent_server_is_noticed(pinging: RecordingRelay, connect: Connect, transport: str) -> None:
    guest = connect(pinging)
    pinging.hold()
    try:
        reason, details = guest.expect("disconnect")
        assert reason == "ping timeout"
        assert isinstance(details, TransportError)
        assert str(details) == "no ping from the server for 1 s (interval 0.3 + timeout 0.7)"
        assert details.transport == transport
    finally:
        pinging.cut()
        pinging.resume()
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1


def test_it_is_told_who_is_silent_in_the_log(
    pinging: RecordingRelay, face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "antiphon.client")
    guest = face.connect(pinging.url, transports=["websocket"], **QUICK)
    pinging.hold()
    try:
        guest.expect("disconnect")
    finally:
        pinging.cut()
        pinging.resume()
    guest.expect("connect")
    text = caplog.text
    assert f"{pinging.url}/: connected by websocket as " in text
    assert f"{pinging.url}: disconnected (ping timeout): no ping from the server for 1 s" in text
    assert f"{pinging.url}: attempt 1 to connect again in 0.0 s: the connection was lost: no ping from" in text
