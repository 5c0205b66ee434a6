"""A connection that is lost, or was never made: attempts, delays, events, and giving up."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import pytest

from antiphon import ConnectError, ManagerState, SocketState, TransportError
from faces import Connect, Guest
from hosts import Host, RecordingRelay
from interop_driver import until


def names(guest: Guest) -> list[str]:
    """Return the names of what was noted, in order."""
    return [report["event"] for report in guest.seen.all]


def lose(relay: RecordingRelay, guest: Guest) -> None:
    """Cut the connection until the client notices: between two polls there is none."""
    with relay.cut_off():
        guest.expect("disconnect")


def test_it_comes_back_with_another_id(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, noting=["echo"])
    first = guest.id
    with relay.cut_off():
        reason, details = guest.expect("disconnect")
        assert reason in ("transport close", "transport error")
        assert isinstance(details, TransportError)
        assert (guest.connected, guest.disconnected, guest.active, guest.id) == (False, True, True, None)
        assert guest.state is SocketState.WAITING
    guest.expect("connect")
    assert guest.id not in (None, first)
    assert not guest.recovered
    guest.emit("echo", "again")
    assert guest.expect("echo") == ["again"]
    # Listeners are called once, whatever has happened.
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.count("echo") == 1


def test_the_events_of_a_reconnection_come_in_their_order(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    guest.watch("open", "close", "error", "reconnect_attempt", "reconnect_error", "reconnect", "reconnect_failed")
    with relay.cut_off():
        guest.expect("disconnect")
        until(lambda: guest.count("reconnect_error") == 2)
    guest.expect("connect")
    until(lambda: guest.count("reconnect"))
    seen = names(guest)[1:]
    if seen[0] == "error":
        # A request that failed is an error, the end of a WebSocket is none.
        del seen[0]
    # Whether it failed once more depends on the moment.
    failure = ["reconnect_attempt", "error", "connect_error", "reconnect_error"]
    attempts = (len(seen) - 6) // 4
    assert attempts in (2, 3)
    lost = ["close", "disconnect"]
    ending = seen[2 + 4 * attempts :]
    assert seen[:2] == lost
    assert seen[2 : 2 + 4 * attempts] == failure * attempts
    assert ending == ["reconnect_attempt", "open", "reconnect", "connect"]
    assert guest.all("reconnect_attempt") == [[number] for number in range(1, attempts + 2)]
    assert guest.all("reconnect") == [[attempts + 1]]
    [error] = guest.all("reconnect_error")[0]
    assert isinstance(error, ConnectError)
    assert [error] in guest.all("error")
    assert guest.all("connect_error")[0] == [error]
    # The next time it counts anew.
    lose(relay, guest)
    guest.expect("connect")
    until(lambda: guest.count("reconnect") == 2)
    assert guest.all("reconnect_attempt")[attempts + 1] == [1]


def test_it_gives_up_after_so_many_attempts(
    relay: RecordingRelay, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    guest = connect(relay, reconnection_attempts=3)
    guest.watch("reconnect_attempt", "reconnect_error", "reconnect_failed")
    with relay.cut_off():
        assert guest.expect("reconnect_failed") == []
        assert guest.all("reconnect_attempt") == [[1], [2], [3]]
        assert guest.count("reconnect_error") == 3
        until(lambda: not guest.active)
        assert (guest.connected, guest.state) == (False, SocketState.INACTIVE)
        assert guest.io.state is ManagerState.FAILED
        assert f"{relay.url}: given up after 3 attempts: cannot connect to" in caplog.text
    # It may be told to try again.
    guest.connect()
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1


def test_it_does_not_reconnect_if_that_is_not_wanted(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, reconnection=False)
    guest.watch("close", "reconnect_attempt")
    lose(relay, guest)
    guest.expect("close")
    until(lambda: not guest.active)
    guest.connect()
    guest.expect("connect")
    assert guest.count("reconnect_attempt") == 0


def test_it_does_not_reconnect_after_the_server_has_disconnected_it(host: Host, connect: Connect) -> None:
    guest = connect(host)
    guest.watch("reconnect_attempt")
    guest.emit("kick")
    assert guest.expect("disconnect") == ["io server disconnect", None]
    until(lambda: not guest.active)
    guest.connect()
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.count("reconnect_attempt") == 0


def test_a_handler_of_disconnect_may_connect_again(host: Host, connect: Connect) -> None:
    guest = connect(host)
    again = guest.target.connect if guest.face.name == "asyncio" else guest.target.begin
    guest.on("disconnect", lambda reason: again())
    guest.emit("kick")
    guest.expect("disconnect")
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1
    guest.off("disconnect")


def test_delays_are_doubled_changed_at_random_and_limited(
    relay: RecordingRelay, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "antiphon.client")
    guest = connect(
        relay,
        reconnection_delay=0.05,
        reconnection_delay_max=0.2,
        randomization_factor=0,
        reconnection_attempts=4,
    )
    moments: list[float] = []
    for event in ("disconnect", "reconnect_attempt", "reconnect_error"):
        source = guest if event == "disconnect" else guest.io
        source.on(event, lambda *_args: moments.append(time.monotonic()))
    guest.watch("reconnect_failed")
    with relay.cut_off():
        guest.expect("reconnect_failed")
    until(lambda: len(moments) == 9)
    # From what has failed to the next attempt.
    delays = [moments[index + 1] - moments[index] for index in range(0, 8, 2)]
    for delay, expected in zip(delays, (0.05, 0.1, 0.2, 0.2), strict=True):
        assert expected - 0.02 < delay < expected + 0.5
    assert re.findall(r"attempt (\d) to connect again in ([\d.]+) s: ", caplog.text) == [
        ("1", "0.1"),
        ("2", "0.1"),
        ("3", "0.2"),
        ("4", "0.2"),
    ]


def test_settings_are_told(host: Host, connect: Connect) -> None:
    guest = connect(host, reconnection_attempts=7, randomization_factor=0.25, timeout=11)
    options: Any = guest.io.options
    assert (options.reconnection, options.reconnection_attempts) == (True, 7)
    assert (options.reconnection_delay, options.reconnection_delay_max) == (0.02, 0.1)
    assert (options.randomization_factor, options.timeout) == (0.25, 11)


def test_every_namespace_comes_back(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    admin = guest.io.socket("/admin")
    admin.note("echo")
    admin.connect()
    until(lambda: admin.connected)
    with relay.cut_off():
        guest.expect("disconnect")
        admin.expect("disconnect")
    guest.expect("connect")
    until(lambda: admin.connected)
    admin.emit("echo", "here")
    assert admin.expect("echo") == ["here"]


def test_who_disconnects_while_it_reconnects_stays_away(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    guest.watch("reconnect_attempt")
    with relay.cut_off():
        guest.expect("reconnect_attempt")
        guest.disconnect()
        assert (guest.active, guest.io.state) == (False, ManagerState.CLOSED)
        attempts = guest.count("reconnect_attempt")
    assert guest.count("connect") == 1
    assert guest.count("reconnect_attempt") == attempts
    guest.connect()
    guest.expect("connect")


def test_it_comes_back_again_and_again(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, noting=["echo"])
    for number in range(10):
        lose(relay, guest)
        guest.expect("connect")
        guest.emit("echo", number)
        assert guest.expect("echo") == [number]
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.count("echo") == 10
