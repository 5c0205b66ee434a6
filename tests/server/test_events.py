"""Events that clients emit: handlers, arguments, acknowledgements, exceptions."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from antiphon import (
    Ack,
    ConfigurationError,
    Server,
    Socket,
)
from peers import Endpoint, eventually, frame, raw_websocket
from server_helpers import in_sync

# Handlers


async def test_handlers_may_be_given_as_decorator_or_argument(server: Endpoint, io: Server) -> None:
    calls: list[tuple[str, tuple[object, ...]]] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        @socket.on("a")
        def decorated(*arguments: object) -> None:
            calls.append(("decorated", arguments))

        socket.on("a", lambda *arguments: calls.append(("given", arguments)))

    @io.event
    def a(socket: Socket, *arguments: object) -> None:
        calls.append(("bare", arguments))

    @io.event("a")
    def named(socket: Socket, *arguments: object) -> None:
        calls.append(("named", arguments))

    async with server.socket() as peer:
        await peer.send('2["a",1,null]')
        await in_sync(peer)
    assert calls == [("bare", (1, None)), ("named", (1, None)), ("decorated", (1, None)), ("given", (1, None))]


async def test_once_is_called_once_and_off_drops_handlers(server: Endpoint, io: Server) -> None:
    calls: list[str] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        def dropped() -> None:
            calls.append("dropped")

        socket.once("a", lambda: calls.append("once"))
        socket.on("a", dropped)
        socket.on("a", lambda: calls.append("kept"))
        socket.off("a", dropped)
        socket.on("b", lambda: calls.append("b"))
        socket.on("silence", lambda: socket.off("b"))
        socket.on("end", lambda *_: socket.off())

    async with server.socket() as peer:
        await peer.send('2["a"]', '2["a"]', '2["b"]', '2["silence"]', '2["b"]', '2["end"]', '2["a"]')
        await in_sync(peer)
    assert calls == ["once", "kept", "kept", "b"]


@pytest.mark.parametrize("kind", ["sync", "async", "thread"])
async def test_every_kind_of_handler_may_answer(server: Endpoint, io: Server, kind: str) -> None:
    threads: list[int] = []

    if kind == "async":

        @io.event("ask")
        async def ask_async(socket: Socket, number: int) -> int:
            await asyncio.sleep(0)
            threads.append(threading.get_ident())
            return number * 2

    else:

        @io.event("ask", thread=kind == "thread")
        def ask(socket: Socket, number: int) -> int:
            threads.append(threading.get_ident())
            socket.emit("asked", number)
            return number * 2

    async with server.socket() as peer:
        await peer.send('21["ask",21]')
        if kind != "async":
            assert await peer.receive_event() == ["asked", 21]
        assert await peer.receive() == "31[42]"
    loop_thread = server.running.call(threading.get_ident)
    assert (threads[0] == loop_thread) is (kind != "thread")


async def test_handlers_start_in_the_order_in_which_events_arrive(server: Endpoint, io: Server) -> None:
    started: list[int] = []

    @io.event("sync")
    def on_sync(socket: Socket, number: int) -> None:
        started.append(number)

    @io.event("async")
    async def on_async(socket: Socket, number: int) -> None:
        started.append(number)
        await asyncio.sleep(0.001 * (number % 3))

    @io.on("connection")
    def connection(socket: Socket) -> None:
        @socket.on("both")
        async def both(number: int) -> None:
            started.append(number)

        @socket.on("both")
        def both_sync(number: int) -> None:
            pass

    count = 120
    async with server.socket() as peer:
        names = ("async", "sync", "both", "sync", "async")
        await peer.send(*(f'2["{names[number % 5]}",{number}]' for number in range(count)))
        await eventually(lambda: len(started) >= count)
    assert started == list(range(count))


async def test_async_handlers_run_concurrently(server: Endpoint, io: Server) -> None:
    @io.event("slow")
    async def slow(socket: Socket) -> str:
        await asyncio.sleep(0.05)
        return "slow"

    @io.event("quick")
    async def quick(socket: Socket) -> str:
        return "quick"

    async with server.socket() as peer:
        await peer.send('21["slow"]', '22["quick"]')
        assert await peer.receive() == '32["quick"]'
        assert await peer.receive() == '31["slow"]'


async def test_what_was_sent_before_leaving_is_handled_and_what_comes_after_is_not(
    server: Endpoint, io: Server
) -> None:
    numbers: list[int] = []

    @io.event("n")
    async def n(socket: Socket, number: int) -> None:
        numbers.append(number)

    async with server.socket() as peer:
        await peer.send(*(f'2["n",{number}]' for number in range(50)), "1")
        await in_sync(peer)
        await eventually(lambda: len(numbers) >= 50)
    assert numbers == list(range(50))


# Not hypercorn: from Python 3.12 on it does not stop any more after this. Why is not known yet.
@pytest.mark.parametrize("shared", ["fast", "asgi"], indirect=True)
async def test_events_after_a_disconnection_by_the_server_are_dropped(server: Endpoint, io: Server) -> None:
    numbers: list[int] = []

    @io.event("n")
    async def n(socket: Socket, number: int) -> None:
        numbers.append(number)
        if number == 3:
            socket.disconnect(True)

    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(b"".join(frame(1, b'42["n",%d]' % number) for number in range(20)))
        await peer.close_code()
    assert numbers == [0, 1, 2, 3]


# Arguments


async def test_arguments_that_a_handler_does_not_take_are_dropped(server: Endpoint, io: Server) -> None:
    calls: list[tuple[object, ...]] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        socket.on("none", lambda: calls.append(()))
        socket.on("one", lambda one: calls.append((one,)))
        socket.on("optional", lambda one, two="default": calls.append((one, two)))

    async with server.socket() as peer:
        await peer.send('2["none",1,2]', '2["one",1,2]', '2["optional",1]', '2["optional",1,2,3]')
        await in_sync(peer)
    assert calls == [(), (1,), (1, "default"), (1, 2)]


async def test_missing_arguments_are_reported(server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture) -> None:
    @io.event("two")
    async def two(socket: Socket, first: object, second: object) -> None:
        raise AssertionError

    @io.event("sync")
    def sync(socket: Socket, first: object) -> None:
        raise AssertionError

    async with server.socket() as peer:
        await peer.send('2["two",1]', '2["sync"]')
        await in_sync(peer)
    messages = [record.getMessage() for record in caplog.records]
    assert any("two() needs 2 arguments, the client sent 1" in message for message in messages)
    assert any("sync() needs 1 arguments, the client sent 0" in message for message in messages)


async def test_an_event_may_have_a_number_as_its_name(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        io.event("7")(lambda socket, value: value)
        await peer.send('21[7,"x"]')
        assert await peer.receive() == '31["x"]'


async def test_binary_arguments_arrive_as_bytes_wherever_they_stand(server: Endpoint, io: Server) -> None:
    calls: list[object] = []

    @io.event("files")
    def files(socket: Socket, value: object) -> object:
        calls.append(value)
        return {"back": [bytearray(b"\x07"), memoryview(b"\x08")]}

    async with server.socket() as peer:
        await peer.send(
            '52-4["files",{"list":[1,{"_placeholder":true,"num":1}],"one":{"_placeholder":true,"num":0}}]',
            b"\x01",
            b"\x02",
        )
        assert await peer.receive() == '62-4[{"back":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]'
        assert (await peer.receive(), await peer.receive()) == (b"\x07", b"\x08")
    assert calls == [{"list": [1, b"\x02"], "one": b"\x01"}]


@pytest.mark.parametrize(
    "make",
    [
        lambda: "not a function",
        lambda: lambda *, keyword: None,
        lambda: lambda: None,
    ],
    ids=["no function", "keyword-only parameter", "no socket"],
)
async def test_a_handler_that_cannot_be_one_is_refused_at_once(io: Server, make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError):
        io.event("x")(make())


async def test_an_async_handler_needs_no_thread(io: Server) -> None:
    async def handler(socket: Socket) -> None: ...

    with pytest.raises(ConfigurationError, match="thread=True is for plain functions"):
        io.event("x", thread=True)(handler)


# Acknowledgements of what the client emits


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, "[]"),
        ((), "[]"),
        (1, "[1]"),
        (0, "[0]"),
        ("", '[""]'),
        ([1, 2], "[[1,2]]"),
        ((1, [2]), "[1,[2]]"),
        ((None,), "[null]"),
        ({"a": None}, '[{"a":null}]'),
        (False, "[false]"),
    ],
)
async def test_what_a_handler_returns_is_the_acknowledgement(
    server: Endpoint, io: Server, value: object, answer: str
) -> None:
    @io.event("ask")
    def ask(socket: Socket) -> object:
        return value

    @io.event("ask async")
    async def ask_async(socket: Socket) -> object:
        return value

    async with server.socket() as peer:
        await peer.send('20["ask"]', '21["ask async"]', '2["ask"]')
        assert await peer.receive() == f"30{answer}"
        assert await peer.receive() == f"31{answer}"
        await in_sync(peer)


async def test_a_handler_may_take_the_acknowledgement_and_answer_later(server: Endpoint, io: Server) -> None:
    kept: list[Ack] = []

    @io.event("ask")
    def ask(socket: Socket, ack: Ack, word: str) -> str:
        kept.append(ack)
        return "this is not the answer"

    async with server.socket() as peer:
        await peer.send('25["ask","word"]')
        await in_sync(peer)
        server.running.call(lambda: (kept[0]("the", "answer"), kept[0]("twice")))
        assert await peer.receive() == '35["the","answer"]'
        await in_sync(peer)


async def test_the_acknowledgement_may_be_called_where_none_was_asked_for(server: Endpoint, io: Server) -> None:
    calls: list[str] = []

    @io.event("ask")
    async def ask(socket: Socket, word: str, ack: Ack) -> None:
        ack("answer")
        calls.append(word)

    async with server.socket() as peer:
        await peer.send('2["ask","word"]')
        await in_sync(peer)
    assert calls == ["word"]


async def test_without_a_handler_there_is_no_acknowledgement(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        await peer.send('21["nobody"]')
        await in_sync(peer)


async def test_of_several_handlers_the_first_that_returns_something_answers(server: Endpoint, io: Server) -> None:
    io.event("ask")(lambda socket: None)
    io.event("ask")(lambda socket: "second")
    io.event("ask")(lambda socket: "third")
    async with server.socket() as peer:
        await peer.send('21["ask"]')
        assert await peer.receive() == '31["second"]'
        await in_sync(peer)


# Exceptions


@pytest.mark.parametrize("kind", ["sync", "async", "thread"])
async def test_an_exception_is_logged_and_given_to_the_hook_and_harms_nobody(
    server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caught: list[tuple[str, str, str]] = []

    @io.exception_handler
    def on_exception(error: Exception, event: str, socket: Socket) -> None:
        caught.append((str(error), event, socket.id))

    if kind == "async":

        @io.event("bad")
        async def bad_async(socket: Socket) -> None:
            raise ValueError("a broken handler")

    else:

        @io.event("bad", thread=kind == "thread")
        def bad(socket: Socket) -> None:
            raise ValueError("a broken handler")

    async with server.socket() as peer:
        await peer.send('21["bad"]')
        await eventually(lambda: caught)
        await in_sync(peer)
        assert caught == [("a broken handler", "bad", peer.sid)]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "'bad' in /" in record.getMessage()
    assert peer.sid in record.getMessage()
    assert record.exc_info is not None


async def test_a_hook_that_fails_is_logged(server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture) -> None:
    @io.exception_handler
    def on_exception(error: Exception, event: str, socket: Socket) -> None:
        raise ValueError("a broken hook")

    @io.event("bad")
    def bad(socket: Socket) -> None:
        raise ValueError("a broken handler")

    async with server.socket() as peer:
        await peer.send('2["bad"]')
        await in_sync(peer)
    assert "the exception handler itself failed" in caplog.text


async def test_an_exception_in_a_connection_handler_keeps_the_connection(
    server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture
) -> None:
    @io.on("connection")
    async def connection(socket: Socket) -> None:
        raise ValueError("a broken connection handler")

    async with server.socket() as peer:
        await in_sync(peer)
    assert "a broken connection handler" in caplog.text
