"""How things end: handlers of what came before, those who wait, and clients that come while the server closes."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
import threading
import warnings
from itertools import product

import pytest

from antiphon import ConfigurationError, EncodeError, Server, Socket
from antiphon.server.request import Request
from peers import CLOSE, Endpoint, eventually, frame, raw_connection, raw_websocket, request_websocket
from server_helpers import ONE_WAY, Serve, ask, in_sync, is_empty

ENDS = {"leaves the namespace": frame(1, b"41"), "closes": frame(CLOSE, b"")}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("listens", [False, True], ids=["handlers", "catch-all listeners"])
async def test_what_was_sent_before_the_end_is_handled_before_it(
    server: Endpoint, io: Server, end: bytes, listens: bool
) -> None:
    """Before Python 3.12 async handlers begin in the next turn of the loop, and a plain one would overtake them."""
    seen: list[object] = []

    @io.event("begin")
    def begin(socket: Socket) -> None:
        socket.join("game")
        if listens:
            socket.on_any(listen)

    async def listen(event: str, number: object = None) -> None:
        seen.append(("heard", number))

    @io.event("a")
    async def a(socket: Socket, number: int) -> None:
        seen.append((number, "game" in socket.rooms, socket.connected))

    @io.event("disconnect")
    def disconnect(socket: Socket) -> None:
        seen.append("disconnect")

    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send(frame(1, b'42["begin"]') + frame(1, b'42["a",0]') + frame(1, b'42["a",1]') + end)
        await eventually(lambda: "disconnect" in seen)
    expected: list[object] = [(0, True, True), (1, True, True)]
    if listens:
        expected = [("heard", 0), ("heard", 1), *expected]
    # Each catch-all listener hears of an event before its handlers begin.
    assert sorted(seen[:-1], key=str) == sorted(expected, key=str)
    assert [entry for entry in seen if entry not in (("heard", 0), ("heard", 1))] == [*expected[-2:], "disconnect"]


async def test_a_client_that_comes_back_at_once_has_ended_for_the_reason_that_was_told_first(serve: Serve) -> None:
    """Before Python 3.12 the end waits for handlers that have to begin, but not for longer than until it is needed."""
    io = Server(connection_state_recovery=True)
    reasons: list[str] = []
    held, may_go_on = threading.Event(), threading.Event()

    @io.event("hold")
    def hold(socket: Socket) -> None:
        held.set()
        may_go_on.wait(20)

    @io.event("a")
    async def a(socket: Socket) -> None: ...

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str) -> None:
        reasons.append(reason)

    server = serve(io)
    async with raw_websocket(server) as old, raw_websocket(server) as new:
        await old.send_text("40")
        pid = json.loads((await old.read_text())[2:])["pid"]
        await old.send_text('42["hold"]')
        assert await asyncio.to_thread(held.wait, 20)
        # The server reads both in one turn of its loop.
        await old.send(frame(1, b'42["a"]') + frame(1, b"41"))
        await new.send_text(f'40{{"pid":"{pid}"}}')
        may_go_on.set()
        assert (await new.read_text()).startswith("40{")
        await eventually(lambda: reasons)
        assert reasons == ["client namespace disconnect"]


@pytest.fixture
def reasons(io: Server) -> list[tuple[str, str | None]]:
    """Why sockets were disconnected."""
    reasons: list[tuple[str, str | None]] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    return reasons


AFTER_THE_END = {
    "an event": '2/a,["late"]',
    "an event that is to be answered": '2/a,7["late"]',
    "an acknowledgement": '3/a,0["late"]',
    "binary": ['51-/a,["late",{"_placeholder":true,"num":0}]', b"x"],
    "another end": "1/a,",
}


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("late", AFTER_THE_END.values(), ids=AFTER_THE_END.keys())
async def test_what_comes_late_for_a_namespace_does_not_end_the_others(
    server: Endpoint, io: Server, reasons: list[tuple[str, str | None]], who: str, late: str | list[str | bytes]
) -> None:
    """The official server does so only if it reads both at once: a client that is told to leave one namespace may have
    sent something before it knew."""

    @io.of("/a").event("leave")
    def leave(socket: Socket) -> None:
        socket.disconnect()

    async with server.socket() as peer:
        for _ in range(2):
            await peer.join("/a")
            end = "1/a," if who == "client" else '2/a,["leave"]'
            await peer.send(end, *([late] if isinstance(late, str) else late), "0/unknown,")
            if who == "server":
                assert await peer.receive() == "1/a,"
            assert await peer.receive() == '4/unknown,{"message":"Invalid namespace"}'
        assert reasons == []


async def test_a_namespace_that_was_never_joined_or_was_left_long_ago_ends_the_connection(
    server: Endpoint, io: Server, reasons: list[tuple[str, str | None]]
) -> None:
    io.of(re.compile(r"/\d+"))
    for late, answers in (("2/17,[0]", False), ("2/0,[0]", False), ("2/1,[0]", True)):
        async with server.socket() as peer:
            for number in range(17):
                await peer.join(f"/{number}")
                await peer.send(f"1/{number},")
            await peer.send(late, "0/unknown,")
            if answers:
                assert await peer.receive() == '4/unknown,{"message":"Invalid namespace"}'
            else:
                await peer.close_code()
                assert reasons.pop() == ("forced close", None)


async def test_who_waits_for_a_client_that_is_refused_is_told(server: Endpoint, io: Server) -> None:
    answers: list[object] = []

    @io.of("/guarded").use
    async def refuse(socket: Socket) -> None:
        waiting = asyncio.ensure_future(socket.emit_with_ack("who are you?"))
        waiting.add_done_callback(lambda done: answers.append(done.exception()))
        await asyncio.sleep(0)
        raise ValueError("no")

    async with server.socket() as peer:
        await peer.send("0/guarded,")
        await eventually(lambda: answers)
    assert "SocketDisconnected" in type(answers[0]).__name__


# Threads


async def test_a_thread_is_told_what_cannot_be_answered_and_may_change_what_it_has_answered(
    server: Endpoint, io: Server
) -> None:
    errors: list[Exception] = []

    done = threading.Event()

    @io.event("ask", thread=True)
    def answer(socket: Socket) -> None:
        data = ["before"]
        try:
            socket.send_ack(5, [object()])
        except EncodeError as error:
            errors.append(error)
        socket.send_ack(6, [data])
        data[0] = "after"
        done.set()

    async with server.socket() as peer:
        await peer.send('2["ask"]')
        assert await peer.receive() == '36[["before"]]'
    assert done.is_set()
    assert len(errors) == 1


async def test_a_thread_is_told_that_nobody_can_count_the_answers_of_a_parent(server: Endpoint, io: Server) -> None:
    errors: list[Exception] = []
    parent = io.of("*")

    @io.event("ask", thread=True)
    def ask_all(socket: Socket) -> None:
        try:
            parent.emit("x", ack=lambda *_: None)
        except ConfigurationError as error:
            errors.append(error)

    async with server.socket() as peer:
        await peer.send('2["ask"]')
        await eventually(lambda: errors)
    io.parents.clear()


# The end of the server


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_handshake_that_the_user_decides_about_too_late_opens_nothing(serve: Serve, transport: str) -> None:
    asked, decided = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def allow(request: Request) -> bool:
        loop.call_soon_threadsafe(asked.set)
        await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(decided.wait(), loop).result(20))
        return True

    io = Server(allow_request=allow)
    started = 0

    @io.background_task
    async def background() -> None:
        nonlocal started
        started += 1
        await asyncio.sleep(60)

    joined: list[Socket] = []
    io.on("connection")(joined.append)
    server = serve(io)
    await ask(server, _begin(io))

    async def come() -> object:
        if transport == "polling":
            return (await server.request()).status
        async with raw_connection(server) as peer:
            return (await request_websocket(peer, server))[0] != 101

    coming = asyncio.ensure_future(come())
    await asyncio.wait_for(asked.wait(), 20)
    await ask(server, io.close())
    decided.set()
    assert await coming == (503 if transport == "polling" else True)
    assert is_empty(io)
    assert joined == []
    assert started == 1


async def _begin(io: Server) -> None:
    io.begin()


async def test_nobody_comes_in_while_the_server_closes(serve: Serve) -> None:
    io = Server()
    ending, may_end = threading.Event(), threading.Event()

    @io.event("disconnect")
    async def disconnect(socket: Socket) -> None:
        ending.set()
        await asyncio.to_thread(may_end.wait, 20)

    server = serve(io)
    async with server.socket():
        closing = asyncio.ensure_future(ask(server, io.close()))
        await asyncio.to_thread(ending.wait, 20)
        answer = await server.request()
        may_end.set()
        assert answer.status == 503
        assert answer.json["message"] == "the server is closing"
        await closing
    assert is_empty(io)
    if serve.way != "fast":
        # It still listens, and only it can stop to do so.
        assert (await server.request()).status == 200


@pytest.mark.parametrize("who", ["task of the socket", "task of the server", "middleware", "handlers"])
async def test_who_closes_the_server_is_not_cancelled(serve: Serve, who: str) -> None:
    io = Server()
    outcomes: list[str] = []

    async def close(*_: object) -> None:
        try:
            await io.close()
        except asyncio.CancelledError:
            outcomes.append("cancelled")
            raise
        outcomes.append("closed")

    @io.event("close")
    async def on_close(socket: Socket) -> None:
        if who == "task of the socket":
            socket.start_task(close())
        elif who == "task of the server":
            io.start_task(close())
        else:
            await close()

    if who == "handlers":
        io.event("close")(close)
    if who == "middleware":
        io.of("/closing").use(close)
    async with serve(io).socket() as peer:
        if who == "middleware":
            await peer.send("0/closing,")
        else:
            await peer.send('2["close"]')
        await peer.close_code()
        await eventually(lambda: len(outcomes) == (2 if who == "handlers" else 1))
    assert set(outcomes) == {"closed"}


# What is left behind


async def test_a_client_writes_no_lines_of_the_log_and_does_not_fill_it(
    server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "antiphon")
    async with server.socket() as peer:
        await peer.send('2/x\n2026-01-01 CRITICAL forged,["e"]')
        await peer.close_code()
    async with server.socket() as peer:
        await peer.send(f'2/{"x" * 100_000},["e"]')
        await peer.close_code()
    await server.request(transport="x", padding="y" * 10_000)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("antiphon")]
    assert any("forged" in line for line in lines)
    assert any("xxx" in line for line in lines)
    assert any("yyy" in line for line in lines)
    assert not any("\n" in line for line in lines)
    assert max(map(len, lines)) < 1000


async def test_no_coroutine_is_left_when_nobody_wants_the_answer_any_more(server: Endpoint, io: Server) -> None:
    async def allow(name: str, auth: object) -> bool:
        return True

    io.of(allow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            async with raw_websocket(server) as peer:
                await peer.join()
                await peer.send(frame(1, b"40/a,") * 2)
                await peer.close_code()
        gc.collect()
    io.parents.clear()


@ONE_WAY
async def test_async_listeners_are_refused_where_nobody_would_wait_for_them(serve: Serve) -> None:
    io = Server()

    async def listener(*_: object) -> None: ...

    class Listener:
        async def __call__(self, *_: object) -> None: ...

    refused = 0

    def try_all(socket: Socket) -> None:
        nonlocal refused
        ons = (io.engine.on("headers"), io.sockets.adapter.on("join-room"), socket.conn.on("close"))
        for on, function in product(ons, (listener, Listener())):
            try:
                on(function)
            except ConfigurationError as error:
                refused += "must be a plain function" in str(error)

    io.on("connection")(try_all)
    async with serve(io).socket():
        await eventually(lambda: refused == 6)


async def test_a_session_keeps_of_its_request_only_the_bytes(server: Endpoint, io: Server) -> None:
    polling = await server.open_polling(headers={"accept-encoding": "gzip"}, x="1")
    await polling.post("40")
    await polling.poll()
    async with server.socket(x="2") as peer:
        await in_sync(peer)
        requests = [session.request for session in io.engine.sockets.values()]
        assert [(request._query, request._headers, request._fields) for request in requests] == [(None,) * 3] * 2
        assert [request.query["x"] for request in requests] == ["1", "2"]
