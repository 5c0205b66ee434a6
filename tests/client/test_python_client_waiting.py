"""Waiting for events: ``wait_for``; ``events()`` of the asyncio client, ``receive`` and iteration of the blocking."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import antiphon
import antiphon.sync
from antiphon import AntiphonError, ConnectError, ConnectionRefused, Disconnected
from antiphon.types import TransportName
from faces import QUICK, Connect
from hosts import Host, RecordingRelay
from interop_driver import until


def test_an_event_is_waited_for(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for args, expected in (([], None), ([1], 1), ([1, b"2"], (1, b"2")), ([[1, 2]], [1, 2]), ([None], None)):
        waiting = guest.begin("wait_for", "echo", timeout=10)
        guest.emit("echo", *args)
        assert waiting.result(10) == expected
    # It is not a handler any more.
    assert not guest.has_listeners("echo")


def test_several_may_wait_for_one_event(host: Host, connect: Connect) -> None:
    guest = connect(host)
    waiting = [guest.begin("wait_for", "echo") for _ in range(3)]
    guest.emit("echo", "for all")
    assert [one.result(10) for one in waiting] == ["for all"] * 3


def test_an_event_is_waited_for_as_long_as_is_said(host: Host, connect: Connect) -> None:
    guest = connect(host)
    with pytest.raises(TimeoutError, match=r"'echo' did not come within 0\.05 s"):
        guest.wait_for("echo", timeout=0.05)
    assert not guest.has_listeners("echo")
    assert guest.emit_with_ack("ask", 1) == 1


def test_events_of_the_socket_itself_are_waited_for(host: Host, connect: Connect) -> None:
    guest = connect(host)
    waiting = guest.begin("wait_for", "disconnect", timeout=10)
    guest.emit("kick")
    assert waiting.result(10) == ("io server disconnect", None)


def test_waiting_outlasts_a_lost_connection(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    waiting = guest.begin("wait_for", "echo", timeout=10)
    with relay.cut_off():
        guest.expect("disconnect")
        guest.emit("echo", "in spite of all")
    assert waiting.result(10) == "in spite of all"


@pytest.mark.parametrize("by", ["server", "client"])
def test_who_waits_is_told_that_nothing_will_come(host: Host, connect: Connect, by: str) -> None:
    guest = connect(host)
    waiting = guest.begin("wait_for", "never")
    if by == "server":
        guest.emit("kick")
    else:
        guest.disconnect()
    with pytest.raises(Disconnected) as caught:
        waiting.result(5)
    assert caught.value.reason == f"io {by} disconnect"
    with pytest.raises(AntiphonError):
        guest.wait_for("never", timeout=5)


def test_who_waits_is_told_that_the_connection_was_given_up(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, reconnection_attempts=2)
    waiting = guest.begin("wait_for", "never")
    with relay.cut_off():
        with pytest.raises(ConnectError, match="cannot connect"):
            waiting.result(10)
        until(lambda: not guest.active)


def test_who_waits_is_told_that_the_client_is_not_let_in_again(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    waiting = guest.begin("wait_for", "never")
    guest.put("auth", {"refuse": True})
    with relay.cut_off():
        guest.expect("disconnect")
    with pytest.raises(ConnectionRefused, match="not you"):
        waiting.result(10)


# The asyncio client


async def test_events_are_iterated_over(host: Host, transport: TransportName) -> None:
    async with antiphon.connect(host.url, transports=[transport]) as socket:
        events = socket.events()
        socket.emit("echo", 1, b"2")
        socket.emit("echo")
        socket.emit("burst", 2)
        seen: list[tuple[Any, ...]] = []
        async for event, *args in events:
            seen.append((event, *args))
            if len(seen) == 4:
                break
        assert seen == [("echo", 1, b"2"), ("echo",), ("burst", 0), ("burst", 1)]


async def test_events_end_when_either_side_disconnects(host: Host, transport: TransportName) -> None:
    for by in ("server", "client"):
        seen: list[Any] = []
        async with antiphon.connect(host.url, transports=[transport]) as socket:
            socket.emit("echo", 1)
            socket.emit("echo", "kick" if by == "server" else "leave")
            async for event, *args in socket.events():
                seen.append((event, *args))
                if args == ["kick"]:
                    socket.emit("kick")
                elif args == ["leave"]:
                    await socket.disconnect()
        assert seen == [("echo", 1), ("echo", "kick" if by == "server" else "leave")]
        # There are none of a socket that is not connected.
        assert [event async for event in socket.events()] == []


async def test_events_go_on_after_a_lost_connection_and_fail_when_it_is_given_up(
    relay_by_itself: RecordingRelay, transport: TransportName
) -> None:
    relay = relay_by_itself
    async with antiphon.connect(relay.url, transports=[transport], reconnection_attempts=3, **QUICK) as socket:
        events = socket.events()
        handled: list[Any] = []
        socket.on("echo", handled.append)
        with relay.cut_off():
            await socket.wait_for("disconnect", timeout=10)
        await socket.wait_for("connect", timeout=10)
        socket.emit("echo", "again")
        assert await anext(events) == ("echo", "again")
        # Handlers get them too.
        assert handled == ["again"]
        with relay.cut_off(), pytest.raises(ConnectError):
            await anext(events)
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_several_iterate_and_each_gets_every_event(host: Host, transport: TransportName) -> None:
    async with antiphon.connect(host.url, transports=[transport]) as socket:
        streams = [socket.events() for _ in range(3)]
        socket.emit("burst", 5)
        for stream in streams[:2]:
            assert [await anext(stream) for _ in range(5)] == [("burst", number) for number in range(5)]
        await streams[2].aclose()
        assert [event async for event in streams[2]] == []
        waiting = asyncio.ensure_future(anext(streams[0]))
    with pytest.raises(StopAsyncIteration):
        await waiting


# The blocking client


def test_events_that_nobody_handles_are_received(host: Host, transport: TransportName) -> None:
    with antiphon.sync.connect(host.url, transports=[transport]) as socket:
        handled: list[Any] = []
        socket.on("burst", handled.append)
        socket.emit("echo", 1, b"2")
        socket.emit("burst", 2)
        socket.emit("echo")
        assert socket.receive(timeout=10) == ("echo", 1, b"2")
        assert socket.receive() == ("echo",)
        until(lambda: handled == [0, 1])
        with pytest.raises(TimeoutError, match=r"no event came within 0\.05 s"):
            socket.receive(timeout=0.05)
        # What has come already is there to be waited for, and to be handled.
        socket.emit("echo", 3)
        socket.emit("other")
        assert socket.emit_with_ack("ask", 1) == 1
        assert socket.wait_for("echo", timeout=10) == 3
        socket.emit("echo", 4)
        assert socket.emit_with_ack("ask", 1) == 1
        socket.on("echo", handled.append)
        until(lambda: handled == [0, 1, 4])


def test_iterating_ends_when_either_side_disconnects(host: Host, transport: TransportName) -> None:
    for by in ("server", "client"):
        with antiphon.sync.connect(host.url, transports=[transport]) as socket:
            socket.emit("echo", 1)
            socket.emit("echo", "end")
            seen: list[Any] = []
            for event, *args in socket:
                seen.append((event, *args))
                if args == ["end"] and by == "server":
                    socket.emit("kick")
                elif args == ["end"]:
                    socket.disconnect()
            assert seen == [("echo", 1), ("echo", "end")]
            with pytest.raises(Disconnected):
                socket.receive(timeout=5)
