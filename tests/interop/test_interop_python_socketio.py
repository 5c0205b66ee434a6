"""The client of python-socketio, in asyncio."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import socketio


@pytest.fixture
def stage(stage_of):
    # When this client disconnects it waits for its last poll, which only the next ping ends.
    return stage_of("short heartbeat")


@pytest.fixture
def transports(transport):
    return {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])


@contextlib.asynccontextmanager
async def joined(stage, transports, namespaces=("/",), **options):
    client = socketio.AsyncClient(reconnection=False)
    seen: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
    for namespace in namespaces:
        client.on("*", lambda event, *args: seen.put_nowait((event, *args)), namespace=namespace)
        client.on("disconnect", lambda reason: seen.put_nowait(("disconnect", reason)), namespace=namespace)
    await client.connect(stage.url, transports=transports, namespaces=list(namespaces), **options)
    try:
        yield client, seen
    finally:
        await client.disconnect()


async def next_of(seen):
    return await asyncio.wait_for(seen.get(), 10)


async def test_events_and_calls(stage, transports):
    stage.io.on("connection", stage.watch)

    @stage.io.event("ask")
    async def ask(socket, *args):
        socket.emit("told", *args)
        return args

    async with joined(stage, transports, auth={"token": 1}, headers={"X-Custom": "yes"}) as (client, seen):
        (socket,) = stage.io.sockets.sockets.values()
        assert client.get_sid() == socket.id
        assert client.sid == socket.conn.id
        assert socket.handshake.auth == {"token": 1}
        assert socket.handshake.headers["x-custom"] == "yes"
        assert client.transport() == socket.conn.transport.name == transports[-1]
        for value in ("é☃", {"a": [1, None, True]}, b"\x00\xff", {"a": [b"deep", b"deeper"]}, "x" * 100_000):
            assert await client.call("ask", value) == value
            assert await next_of(seen) == ("told", value)
        assert await client.call("ask", ("two", b"values")) == ("two", b"values")
        assert await next_of(seen) == ("told", "two", b"values")
    assert stage.seen.expect("disconnect")["reason"] in ("client namespace disconnect", "transport close")


async def test_it_acknowledges(stage, transports):
    async with joined(stage, transports) as (client, _):

        @client.on("add")
        async def add(a, b):
            return a + b

        (socket,) = stage.io.sockets.sockets.values()
        answer = asyncio.run_coroutine_threadsafe(
            socket.timeout(5).emit_with_ack("add", b"a", b"b"), stage.running.loop
        )
        assert await asyncio.wrap_future(answer) == b"ab"


async def test_it_joins_namespaces_and_is_told_of_unknown_ones(stage, transports):
    @stage.io.of("/a").event("ask")
    def ask(socket, value):
        return socket.nsp.name, value

    async with joined(stage, transports, namespaces=("/", "/a")) as (client, _):
        assert await client.call("ask", b"x", namespace="/a") == ("/a", b"x")
        assert client.get_sid("/") != client.get_sid("/a")

    client = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(stage.url, transports=transports, namespaces=["/unknown"])


async def test_the_server_disconnects_it(stage, transports):
    async with joined(stage, transports) as (_, seen):
        (socket,) = stage.io.sockets.sockets.values()
        stage.running.call(lambda: socket.emit("last", b"word") and socket.disconnect(True))
        assert await next_of(seen) == ("last", b"word")
        assert await next_of(seen) == ("disconnect", "server disconnect")


async def test_many_events_in_one_payload_arrive_in_order(stage, transports):
    received = []
    stage.io.event("up")(lambda socket, number: received.append(number))

    @stage.io.event("done")
    def done(socket):
        return True

    async with joined(stage, transports) as (client, seen):
        for number in range(200):
            await client.emit("up", number)
        assert await client.call("done")
        assert received == list(range(200))
        (socket,) = stage.io.sockets.sockets.values()
        # Ten at a time: this client gives up at a payload of more than 16 packets, whoever sends it.
        for start in range(0, 200, 10):
            stage.running.call(lambda: [socket.emit("down", number) for number in range(start, start + 10)])  # noqa: B023
            # Its handlers are tasks, which keep their order here because they do not wait.
            assert [await next_of(seen) for _ in range(10)] == [("down", number) for number in range(start, start + 10)]
