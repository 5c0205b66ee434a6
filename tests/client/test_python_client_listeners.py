"""Listeners: registered, listed and removed; for one event, for the rest, for all that comes and all that goes."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import antiphon
from antiphon import ConfigurationError
from antiphon.types import TransportName
from faces import Connect, Guest
from hosts import Host
from interop_driver import until


def test_handlers_are_called_in_the_order_of_their_registration(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[str] = []
    for name in ("first", "second", "third"):
        guest.on("echo", lambda name=name: seen.append(name))
    guest.emit("echo")
    until(lambda: seen == ["first", "second", "third"])


async def test_async_and_plain_handlers_begin_in_their_order(host: Host, transport: TransportName) -> None:
    seen: list[object] = []
    async with antiphon.connect(host.url, transports=[transport]) as socket:

        @socket.on("burst")
        async def slow(number: int) -> None:
            seen.append(("slow", number))
            await asyncio.sleep(0)
            seen.append(("later", number))

        @socket.on("burst")
        def plain(number: int) -> None:
            seen.append(("plain", number))

        socket.emit("burst", 50)
        await socket.emit_with_ack("ask")
    # Handlers are given the time to end.
    expected = [(kind, number) for number in range(50) for kind in ("slow", "plain")]
    assert len(seen) == 150
    assert [entry for entry in seen if entry[0] != "later"] == expected  # type: ignore[index]


async def test_async_handlers_do_not_wait_for_each_other(host: Host, transport: TransportName) -> None:
    """One may even wait for what a later one does."""
    done = asyncio.Event()
    order: list[str] = []
    async with antiphon.connect(host.url, transports=[transport]) as socket:

        @socket.on("echo")
        async def handle(what: str) -> None:
            if what == "wait":
                await done.wait()
                order.append("waited")
            else:
                order.append("let go")
                done.set()

        socket.emit("echo", "wait")
        socket.emit("echo", "go")
        await asyncio.wait_for(done.wait(), 10)
        assert await socket.emit_with_ack("ask", 1, timeout=10) == 1
    assert order == ["let go", "waited"]


def test_handlers_of_the_blocking_client_are_plain_functions_in_one_other_thread(
    host: Host, transport: TransportName
) -> None:
    with antiphon.sync.connect(host.url, transports=[transport]) as socket:
        threads: list[str] = []
        for event in ("echo", "burst", "disconnect"):
            socket.on(event, lambda *_args: threads.append(threading.current_thread().name))
        socket.emit("burst", 3)
        socket.emit("echo")
        until(lambda: len(threads) == 4)

        async def handle() -> None:
            pass

        with pytest.raises(ConfigurationError, match="a handler of the blocking client is a plain function"):
            socket.on("echo", handle)
    assert set(threads) == {"antiphon-handlers"}


def test_a_handler_may_be_called_once(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[list[Any]] = []
    guest.once("echo", lambda *args: seen.append(["once", *args]))
    guest.on("echo", lambda *args: seen.append(["on", *args]))
    guest.emit("echo", 1)
    guest.emit("echo", 2)
    until(lambda: seen == [["once", 1], ["on", 1], ["on", 2]])
    assert len(guest.listeners("echo")) == 1


def test_a_decorator_registers(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[int] = []

    @guest.on("echo")  # type: ignore[untyped-decorator]
    def echo(value: int) -> None:
        seen.append(value)

    @guest.once("echo")  # type: ignore[untyped-decorator]
    def once(value: int) -> None:
        seen.append(value)

    assert guest.listeners("echo") == [echo, once]
    guest.emit("echo", 1)
    until(lambda: seen == [1, 1])
    with pytest.raises(ConfigurationError, match="the name of the event is missing"):
        guest.on(echo)
    with pytest.raises(ConfigurationError, match="must be a function"):
        guest.on("echo", "no function")


def test_listeners_are_listed_and_removed(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo"])
    one, two = guest.noter("one"), guest.noter("two")
    guest.on("echo", one)
    guest.on("echo", two)
    guest.on("echo", one)
    assert guest.listeners("echo")[1:] == [one, two, one]
    assert guest.has_listeners("echo")
    assert not guest.has_listeners("something else")
    assert "echo" in guest.event_names()
    # One registration at a time.
    guest.off("echo", one)
    assert guest.listeners("echo")[1:] == [one, two]
    guest.emit("echo", 1)
    assert (guest.expect("echo"), guest.expect("one"), guest.expect("two")) == ([1], [1], [1])
    guest.remove_listener("echo", one)
    guest.off("echo", guest.noter("never there"))
    assert guest.listeners("echo")[1:] == [two]
    guest.off("echo")
    assert guest.listeners("echo") == []
    guest.on("burst", two)
    guest.remove_all_listeners()
    assert guest.event_names() == []
    guest.emit("echo", 2)
    guest.emit("burst", 1)
    assert guest.emit_with_ack("ask", 1) == 1
    assert (guest.count("echo"), guest.count("one"), guest.count("two")) == (1, 1, 1)


def test_a_handler_may_remove_itself_and_others(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[str] = []

    def first() -> None:
        seen.append("first")
        guest.target.off("echo", first)

    guest.on("echo", first)
    guest.on("echo", lambda: seen.append("second"))
    guest.emit("echo")
    guest.emit("echo")
    until(lambda: seen == ["first", "second", "second"])


def test_what_has_no_handler_of_its_own_goes_to_the_rest(host: Host, connect: Connect, witness: Guest) -> None:
    guest = connect(host, noting=["*", "known"])
    witness.emit_with_ack("tell", "unknown", 1, b"2")
    witness.emit_with_ack("tell", "known", 3)
    witness.emit_with_ack("tell", "other")
    assert guest.expect("*") == ["unknown", 1, b"2"]
    assert guest.expect("*") == ["other"]
    assert guest.expect("known") == [3]
    # The events of the socket itself are not among them.
    guest.disconnect()
    guest.expect("disconnect")
    assert guest.count("*") == 2
    assert "*" in guest.event_names()
    guest.off("*")
    assert "*" not in guest.event_names()


def test_the_rest_may_be_answered(host: Host, connect: Connect) -> None:
    guest = connect(host)
    guest.on("*", lambda name, *args: [name, *args])
    answers: list[list[Any]] = []
    guest.emit("question", 5000, 1, ack=lambda *args: answers.append(list(args)))
    until(lambda: answers == [[None, ["question", 1]]])


def test_listeners_for_everything_see_what_comes_and_what_goes(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[list[Any]] = []
    guest.on("echo", lambda *args: seen.append(["handler", *args]))
    guest.on_any(lambda *args: seen.append(["any", *args]))
    guest.on_any_outgoing(lambda *args: seen.append(["outgoing", *args]))
    guest.emit("echo", 1, b"2")
    until(lambda: len(seen) == 3)
    assert seen == [["outgoing", "echo", 1, b"2"], ["any", "echo", 1, b"2"], ["handler", 1, b"2"]]
    seen.clear()
    # Acknowledgements are not among them, in either direction, nor is what belongs to the protocol.
    guest.on("question", lambda value: value)
    assert guest.emit_with_ack("question", 5000, 3) is None
    guest.disconnect()
    until(lambda: len(seen) == 2)
    assert seen == [["outgoing", "question", 5000, 3], ["any", "question", 3]]


def test_listeners_for_everything_are_put_in_front_listed_and_removed(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for coming, register in ((True, "any"), (False, "any_outgoing")):
        seen: list[str] = []

        def first(*_args: object, seen: list[str] = seen) -> None:
            seen.append("first")

        def second(*_args: object, seen: list[str] = seen) -> None:
            seen.append("second")

        def third(*_args: object, seen: list[str] = seen) -> None:
            seen.append("third")

        for prefix, listener in (("on", second), ("on", third), ("prepend", first)):
            getattr(guest, f"{prefix}_{register}")(listener)
        listeners = getattr(guest, f"listeners_{register}")
        assert listeners() == [first, second, third]
        guest.emit("echo" if coming else "nothing")
        until(lambda: len(seen) == 3)  # noqa: B023 - called at once
        assert seen == ["first", "second", "third"]
        off = getattr(guest, f"off_{register}")
        off(second)
        off(print)
        assert listeners() == [first, third]
        off()
        assert listeners() == []
        guest.emit("echo")
        assert guest.emit_with_ack("ask", 1) == 1
        assert len(seen) == 3


def test_a_manager_has_handlers_too(host: Host, connect: Connect) -> None:
    guest = connect(host)
    manager = guest.io
    seen: list[object] = []

    def close(reason: str, details: object) -> None:
        seen.append((reason, details))

    manager.on("close", close)
    manager.once("close", lambda reason: seen.append(f"once: {reason}"))
    assert close in manager.listeners("close")
    assert manager.has_listeners("close")
    assert not manager.has_listeners("open")
    guest.disconnect()
    until(lambda: len(seen) == 2)
    assert seen == [("forced close", None), "once: forced close"]
    manager.off("close")
    assert manager.listeners("close") == []
