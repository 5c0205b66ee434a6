"""Clients that disconnect and connect again where it is least convenient: in handlers, between packets, in threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket as sockets
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

import antiphon
from antiphon import (
    AckTimeout,
    ClientSocket,
    ConfigurationError,
    ConnectError,
    Disconnected,
    PayloadTooLarge,
    Server,
    Socket,
)
from antiphon.sync import connect
from antiphon.sync.inbox import Inbox
from interop_driver import until
from support import Running, serving

QUICK: Any = {"reconnection_delay": 0.01, "reconnection_delay_max": 0.02}


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test limits how long."""
    while not condition():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.002)


@pytest.fixture
def io() -> Server:
    io = Server()

    @io.event("ask")
    def ask(socket: Socket, *args: object) -> tuple[object, ...]:
        return args

    @io.event("leave me")
    def leave(socket: Socket) -> None:
        socket.disconnect()

    @io.event("tell")
    def tell(socket: Socket, event: str, count: int) -> None:
        for number in range(count):
            socket.emit(event, number)

    return io


@pytest.fixture
def running(io: Server) -> Iterator[Running]:
    with serving(io, "fast") as running:
        yield running


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[ClientSocket]:
    """A client that is disconnected in the end."""
    socket = antiphon.connect(url, **QUICK, **options)
    try:
        yield socket
    finally:
        await asyncio.wait_for(socket.disconnect(), 10)


# In handlers


async def test_a_handler_of_connect_error_may_connect_anew(running: Running) -> None:
    port = sockets.create_server(("127.0.0.1", 0))
    async with asyncio.timeout(10), client(f"http://127.0.0.1:{port.getsockname()[1]}", timeout=1) as socket:
        errors: list[ConnectError] = []

        @socket.on("connect_error")
        def again(error: ConnectError) -> None:
            errors.append(error)
            if len(errors) == 1:
                socket.io.network.address = antiphon.Manager(running.url).address
                socket.disconnect()
                socket.connect()

        # The first attempt finds a server that does not answer.
        await eventually(lambda: socket.connected)
        # Nothing of it is left that would end the second one.
        assert await socket.emit_with_ack("ask", 1) == 1
        assert socket.io._timer is None
        assert len(errors) == 1
    port.close()


async def test_a_handler_of_disconnect_may_connect_anew_and_wait(running: Running) -> None:
    answers: list[object] = []
    connecting: list[asyncio.Future[object]] = []
    async with asyncio.timeout(10), client(running.url) as socket:
        await socket
        stream = socket.events()

        @socket.on("disconnect")
        def again(reason: str) -> None:
            assert reason == "io server disconnect"
            socket.connect()
            socket.emit("ask", 2, ack=answers.append)
            connecting.append(asyncio.ensure_future(socket.wait_for("connect")))

        waiting = asyncio.ensure_future(socket.wait_for("never"))
        await asyncio.sleep(0)
        socket.emit("leave me")
        await eventually(lambda: answers)
        assert answers == [2]
        await connecting[0]
        # What has waited since before has heard of the end.
        with pytest.raises(Disconnected):
            await waiting
        assert [event async for event in stream] == []


# Between packets


async def test_who_gives_up_joining_leaves_nothing_and_may_join_again(io: Server, running: Running) -> None:
    namespace = io.of("/slow")
    gate = running.call(asyncio.Event)
    let_in: list[object] = []

    @namespace.use
    async def wait(socket: Socket) -> None:
        let_in.append(socket.handshake.auth)
        await gate.wait()

    ends: list[str] = []
    async with asyncio.timeout(10), client(running.url) as root:
        root.on("disconnect", ends.append)
        await root
        slow = root.io.socket("/slow", auth={"number": 1})
        await eventually(lambda: let_in)
        slow.disconnect()
        slow.auth = {"number": 2}
        joining = asyncio.ensure_future(slow.connect())
        running.call(gate.set)
        await joining
        # The first request was answered, and taken back, before the second was made.
        assert let_in == [{"number": 1}, {"number": 2}]
        await eventually(lambda: list(namespace.sockets) == [slow.id])
        assert ends == []
        # Who does not come back leaves nothing either.
        slow.disconnect()
        running.call(gate.clear)
        slow.connect()
        await eventually(lambda: len(let_in) == 3)
        slow.disconnect()
        running.call(gate.set)
        assert await root.emit_with_ack("ask", 3) == 3
        await eventually(lambda: not namespace.sockets)
        assert ends == []


async def test_what_comes_for_a_socket_that_has_left_is_dropped(io: Server, running: Running) -> None:
    io.of("/other").event("ask")(lambda _, value: value)
    async with asyncio.timeout(10), client(running.url) as root:
        await root
        other = await root.io.socket("/other").connect()
        news: list[int] = []
        root.on("news", news.append)
        root.emit("tell", "news", 5)
        root.disconnect()
        # By now it has come.
        assert await other.emit_with_ack("ask", 2) == 2
        assert len(root.receive_buffer) == 0
        await root.connect()
        assert await root.emit_with_ack("ask", 1) == 1
        assert news == []
        other.disconnect()


async def test_nothing_that_was_held_back_is_overtaken_when_a_ping_comes_late() -> None:
    got: list[str] = []
    woken = threading.Event()

    async def handle(peer: ServerConnection) -> None:
        await peer.send('0{"sid":"x","upgrades":[],"pingInterval":300,"pingTimeout":300,"maxPayload":1000000}')
        await peer.recv()
        await peer.send('40{"sid":"abc"}')
        if not woken.is_set():
            await peer.send('42["block"]')
            await asyncio.to_thread(woken.wait)
            await peer.send('42["question"]')
            await peer.send("2")
        async for message in peer:
            got.append(str(message))  # noqa: PERF401 - they are looked at while they come

    async def serve_in_thread(ready: asyncio.Future[int], stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        async with serve(handle, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            loop.call_soon_threadsafe(ready.set_result, port)
            await stop.wait()

    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    other = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=other.run_until_complete,
        args=[serve_in_thread(ready, stop, asyncio.get_running_loop())],
        daemon=True,
    )
    thread.start()
    async with asyncio.timeout(10), client(f"http://127.0.0.1:{await ready}", transports=["websocket"]) as socket:

        @socket.on("block")
        def block() -> None:
            # Past the deadline of the ping, with what comes then not yet read.
            woken.set()
            time.sleep(0.8)

        @socket.on("question")
        def question() -> None:
            socket.emit("answer")
            asyncio.get_running_loop().call_later(0.1, socket.emit, "later")

        await eventually(lambda: '42["later"]' in got)
    assert [text for text in got if text.startswith("42")] == ['42["answer"]', '42["later"]']
    other.call_soon_threadsafe(stop.set)
    await asyncio.to_thread(thread.join)
    other.close()


async def test_what_is_emitted_after_the_close_frame_of_the_server_waits_for_the_next_connection() -> None:
    got: list[str] = []
    connections = 0

    async def handle(peer: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await peer.send('0{"sid":"x","upgrades":[],"pingInterval":9000,"pingTimeout":9000,"maxPayload":1000000}')
        await peer.recv()
        await peer.send('40{"sid":"abc"}')
        if connections == 1:
            last = b'42["last"]'
            # Both are read at once: the connection is lost a turn of the event loop later.
            peer.transport.write(bytes([0x81, len(last)]) + last + b"\x88\x02\x03\xe8")
        async for message in peer:
            got.append(str(message))  # noqa: PERF401 - they are looked at while they come

    async with asyncio.timeout(10), serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with client(f"http://127.0.0.1:{port}", transports=["websocket"]) as socket:

            @socket.on("last")
            def last() -> None:
                asyncio.get_running_loop().call_soon(socket.emit, "answer")

            await eventually(lambda: got == ['42["answer"]'])
    assert connections == 2


# What is given up


async def test_a_loop_over_events_may_be_left(running: Running) -> None:
    async with asyncio.timeout(10), client(running.url) as socket:
        await socket
        for _ in range(5):
            socket.emit("tell", "news", 1)
            async for event, *_args in socket.events():
                assert event == "news"
                break
        gc.collect()
        assert socket._streams == []
        kept = socket.events()
        socket.emit("tell", "news", 1)
        assert await anext(kept) == ("news", 0)


async def test_an_event_whose_answer_nobody_waits_for_any_more_is_not_sent_later(io: Server, running: Running) -> None:
    saved: list[str] = []
    io.event("save")(lambda _, what: saved.append(what))
    async with asyncio.timeout(10), client(running.url, auto_connect=False) as socket:
        for how in ("cancelled", "late"):
            with contextlib.suppress(TimeoutError, AckTimeout, Disconnected):
                async with asyncio.timeout(0.05):
                    await socket.timeout(5).emit_with_ack("save", how)
        assert len(socket.send_buffer) == 0
        await socket.connect()
        assert await socket.emit_with_ack("ask", 1) == 1
        assert saved == []


async def test_many_events_that_are_too_large_are_each_told(io: Server) -> None:
    small = Server(max_http_buffer_size=2000)
    settled: list[Exception | None] = []
    with serving(small, "fast") as running:
        async with asyncio.timeout(20), client(running.url, retries=2, ack_timeout=5) as socket:
            for _ in range(1200):
                socket.emit("large", "x" * 3000, ack=lambda error, *_: settled.append(error))
            await socket
            await eventually(lambda: len(settled) == 1200)
            assert socket.connected
    assert {type(error) for error in settled} == {PayloadTooLarge}


def test_nothing_is_left_of_a_connection_that_was_waited_for_in_vain() -> None:
    silent = sockets.create_server(("127.0.0.1", 0))

    async def wait() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1), antiphon.connect(f"http://127.0.0.1:{silent.getsockname()[1]}"):
                raise AssertionError("nobody has answered")

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(wait())
        gc.collect()
    silent.close()
    assert [str(warning.message) for warning in told if issubclass(warning.category, ResourceWarning)] == []


def test_connect_without_an_event_loop_changes_nothing(running: Running) -> None:
    async def make() -> ClientSocket:
        return antiphon.Manager(running.url, auto_connect=False).socket("/")

    async def use(socket: ClientSocket) -> None:
        async with asyncio.timeout(10), socket:
            assert await socket.emit_with_ack("ask", 1) == 1

    socket = asyncio.run(make())
    with pytest.raises(ConfigurationError, match="needs a running event loop"):
        socket.connect()
    assert not socket.active
    asyncio.run(use(socket))


# The blocking client


def test_one_thread_may_connect_while_another_disconnects(running: Running) -> None:
    for _ in range(20):
        socket = connect(running.url, transports=["websocket"])
        leaving = threading.Thread(target=socket.disconnect)
        leaving.start()
        until(lambda: not socket.active)  # noqa: B023
        socket.connect()
        leaving.join()
        answered = threading.Event()
        # The thread of the handlers works as well.
        socket.emit("ask", 1, ack=lambda _: answered.set())  # noqa: B023
        assert answered.wait(10)
        socket.disconnect()


def test_another_namespace_connects_by_itself(io: Server, running: Running) -> None:
    io.of("/admin").on("connection", lambda socket: socket.emit("welcome"))
    with connect(running.url) as socket:
        admin = socket.io.socket("/admin")
        assert admin.receive(timeout=10) == ("welcome",)
        admin.disconnect()
    silent = antiphon.sync.Manager(running.url, auto_connect=False).socket("/admin")
    with pytest.raises(Disconnected, match=r"call connect\(\) first"):
        silent.receive()


def test_what_a_handler_is_not_there_for_any_more_is_kept(running: Running) -> None:
    with connect(running.url) as socket:
        seen: list[int] = []
        socket.once("news", seen.append)
        socket.emit("tell", "news", 2)
        assert socket.receive(timeout=10) == ("news", 1)
        assert seen == [0]


def test_a_handler_gets_what_arrives_while_it_is_registered(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    arriving, registering = threading.Event(), threading.Event()
    notify = Inbox.notify

    def slowly(inbox: Inbox, event: Any, *, keep: bool) -> None:
        if event.name == "news":
            arriving.set()
            registering.wait(10)
            # It waits for this; there is nothing to see of that.
            time.sleep(0.05)
        notify(inbox, event, keep=keep)

    monkeypatch.setattr(Inbox, "notify", slowly)
    with connect(running.url) as socket:
        seen: list[int] = []
        socket.emit("tell", "news", 2)
        assert arriving.wait(10)
        registering.set()
        socket.on("news", seen.append)
        until(lambda: len(seen) == 2)
        assert seen == [0, 1]


def test_what_is_emitted_before_connecting_is_answered(running: Running) -> None:
    socket = connect(running.url, auto_connect=False)
    answers: list[object] = []
    for number in range(2):
        socket.emit("ask", number, ack=answers.append)
        assert not socket.active
        socket.connect()
        until(lambda: len(answers) == number + 1)  # noqa: B023
        socket.disconnect()
    assert answers == [0, 1]
