"""The API in another thread than that of the event loop, with the official client. A test is such a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from antiphon import AckTimeout, ConfigurationError, EncodeError, ReservedEventError, SocketDisconnected
from broadcast_helpers import heard, join, pending_acks
from interop_driver import until


@contextlib.contextmanager
def held(stage):
    """Hold the event loop, so that nothing of what the block does has an effect before its end."""
    reached, go_on = threading.Event(), threading.Event()

    def hold():
        reached.set()
        go_on.wait(15)

    stage.running.loop.call_soon_threadsafe(hold)
    assert reached.wait(15)
    try:
        yield
    finally:
        go_on.set()


EMITTERS = {
    "server": lambda io, socket: io,
    "namespace": lambda io, socket: io.of("/"),
    "room": lambda io, socket: io.to("room"),
    "local": lambda io, socket: io.local,
    "uncompressed": lambda io, socket: io.compress(False),
    "volatile": lambda io, socket: io.volatile,
    "socket": lambda io, socket: socket,
    "emitter of the socket": lambda io, socket: socket.compress(False),
    "volatile of the socket": lambda io, socket: socket.volatile,
}


@pytest.mark.parametrize("kind", EMITTERS)
def test_what_is_emitted_is_what_it_was_then(stage, connect, kind):
    client = connect(stage)
    join(stage, client, "room")
    socket = stage.socket(client)
    until(lambda: stage.running.call(lambda: socket.conn.writable))
    emitter = EMITTERS[kind](stage.io, socket)
    data = {"list": [1], "nested": ({"deep": ["a"]},), "binary": bytearray(b"then")}
    with held(stage):
        emitter.emit("data", data, data["list"], memoryview(data["binary"]))
        data["list"].append(2)
        data["nested"][0]["deep"][0] = "b"
        data["binary"][:] = b"now!"
        data["new"] = True
        emitter.send(data["list"])
        data["list"].clear()
        emitter.write("written")
    assert client.expect_event("data") == [
        {"list": [1], "nested": [{"deep": ["a"]}], "binary": b"then"},
        [1],
        b"then",
    ]
    assert client.expect_event("message") == [[1, 2]]
    assert client.expect_event("message") == ["written"]


def test_broadcasts_reach_whom_they_should(stage, connect):
    a, b, c = connect(stage), connect(stage), connect(stage)
    join(stage, a, "left")
    join(stage, b, "left", "right")
    join(stage, c, "right")
    rooms = ["left"]
    with held(stage):
        stage.io.to(rooms).emit("left")
        rooms[0] = "right"
        stage.io.to("left").except_(rooms).emit("only a")
        stage.io.except_("left").emit("only c")
        stage.io.to(b.id).emit("only b")
        stage.socket(b).broadcast.emit("not b")
        stage.socket(b).to("left", "right").emit("not b either")
        stage.io.to("unknown").emit("nobody")
    assert heard(stage, a, b, c) == [
        ["left", "only a", "not b", "not b either"],
        ["left", "only b"],
        ["only c", "not b", "not b either"],
    ]


def test_each_thread_keeps_its_order_and_nothing_is_lost(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)
    start = threading.Barrier(4)

    def emit(thread):
        start.wait()
        for number in range(100):
            (socket if number % 2 else stage.io).emit("number", thread, number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(emit, range(4)))
    heard(stage, client)
    numbers = [report["args"] for report in client.seen.all if report.get("event") == "number"]
    assert len(numbers) == 400
    for thread in range(4):
        assert [number for whose, number in numbers if whose == thread] == list(range(100))


class Calls:
    """An ack function: keeps what it was called with, and in which thread."""

    def __init__(self):
        self.calls = []
        self.threads = set()

    def __call__(self, *args):
        self.threads.add(threading.get_ident())
        self.calls.append(args)

    def expect(self, stage):
        until(lambda: self.calls)
        # The code of the application may rely on that.
        assert self.threads == {stage.running.call(threading.get_ident)}
        return self.calls[0]


def test_acknowledgements_reach_a_callback_in_the_event_loop(stage, connect):
    client = connect(stage, answers={"ask": "echo"})
    join(stage, client, "room")
    socket = stage.socket(client)
    data = [1]
    calls = {name: Calls() for name in ("server", "room", "limited", "socket", "limited socket", "emitter")}
    with held(stage):
        stage.io.emit("ask", data, ack=calls["server"])
        stage.io.to("room").emit("ask", data, ack=calls["room"])
        stage.io.timeout(10).emit("ask", data, ack=calls["limited"])
        socket.emit("ask", data, 2, ack=calls["socket"])
        socket.timeout(10).emit("ask", data, 2, ack=calls["limited socket"])
        socket.compress(True).emit("ask", data, 2, ack=calls["emitter"])
        data.append(2)
    got = {name: call.expect(stage) for name, call in calls.items()}
    assert got == {
        "server": (None, [[1]]),
        "room": (None, [[1]]),
        "limited": (None, [[1]]),
        "socket": ([1], 2),
        "limited socket": (None, [1], 2),
        "emitter": ([1], 2),
    }
    assert got["server"][1].by_id == {client.id: [1]}
    assert stage.running.call(lambda: pending_acks(stage.io.sockets)) == 0


def test_a_limit_runs_out_and_a_client_that_leaves_is_noticed(stage, connect):
    client = connect(stage)
    gone = client.id
    socket = stage.socket(client)
    late, late_socket, left, left_socket = Calls(), Calls(), Calls(), Calls()
    stage.io.timeout(0.05).emit("ask", ack=late)
    socket.timeout(0.05).emit("ask", ack=late_socket)
    error, responses = late.expect(stage)
    assert isinstance(error, AckTimeout)
    assert (responses, error.missing) == ([], {gone})
    assert isinstance(late_socket.expect(stage)[0], AckTimeout)
    stage.io.timeout(1000).emit("last", ack=left)
    socket.timeout(1000).emit("last", ack=left_socket)
    for _ in range(2):
        client.expect_event("last")
    client.disconnect()
    assert left.expect(stage) == (None, [])
    assert left.calls[0][1].missing == {gone}
    assert isinstance(left_socket.expect(stage)[0], SocketDisconnected)


def test_sockets_join_and_leave(stage, connect):
    a, b = connect(stage), connect(stage)
    first = stage.socket(a)
    rooms = ["one", "two"]
    with held(stage):
        stage.io.sockets_join(rooms)
        stage.io.to("one").sockets_join("three")
        stage.io.except_(b.id).sockets_leave("two")
        first.join(rooms[:1], "four")
        first.join(rooms)
        first.leave("one", ["four"])
        stage.socket(b).join("five")
        stage.socket(b).leave("five")
        rooms.clear()
        stage.io.sockets_join("six")
        stage.io.close_room("six")
        stage.io.of("/").sockets_join("seven")
    assert stage.running.call(lambda: first.rooms) == {a.id, "two", "three", "seven"}
    assert stage.running.call(lambda: stage.socket(b).rooms) == {b.id, "one", "two", "three", "seven"}


def test_joining_and_emitting_keep_their_order(stage, connect):
    a, b = connect(stage), connect(stage)
    with held(stage):
        for number in range(20):
            stage.socket(a).join("room")
            stage.io.to("room").emit("in", number)
            stage.socket(a).leave("room")
            stage.io.to("room").emit("out", number)
    assert heard(stage, a, b) == [["in"] * 20, []]


@pytest.mark.parametrize("close", [False, True])
def test_sockets_are_disconnected(stage, connect, close):
    a, b, c = connect(stage), connect(stage), connect(stage)
    socket = stage.socket(a)
    stage.io.emit("before")
    socket.disconnect(close)
    stage.io.to(b.id).disconnect_sockets(close)
    for client in (a, b):
        client.expect_event("before")
        assert client.expect("disconnect")["reason"] == "io server disconnect"
    until(lambda: set(stage.io.sockets.sockets) == {c.id})
    if close:
        until(lambda: len(stage.io.engine.sockets) == 1)
    stage.io.disconnect_sockets(close)
    assert c.expect("disconnect")["reason"] == "io server disconnect"


def test_emitting_to_who_has_gone_does_nothing(stage, connect):
    client, other = connect(stage), connect(stage)
    socket, calls = stage.socket(client), Calls()
    client.disconnect()
    until(lambda: socket.disconnected)
    socket.emit("late")
    socket.join("room")
    socket.leave("room")
    socket.disconnect(True)
    socket.emit("late", ack=calls)
    socket.timeout(10).emit("late", ack=calls)
    assert isinstance(calls.expect(stage)[0], SocketDisconnected)
    assert heard(stage, other) == [[]]
    assert len(calls.calls) == 1
    assert "room" not in stage.io.sockets.rooms


def test_what_cannot_be_sent_is_an_error_in_the_thread(stage, connect):
    client = connect(stage, answers={"bad": [1]})
    socket, calls = stage.socket(client), Calls()
    join(stage, client, "room")
    for emitter in [make(stage.io, socket) for make in EMITTERS.values()]:
        with pytest.raises(EncodeError):
            emitter.emit("bad", {"set": {1, 2}})
        with pytest.raises(EncodeError):
            emitter.emit("bad", [object()], ack=calls)
        with pytest.raises(ReservedEventError):
            emitter.emit("disconnect")
    assert heard(stage, client) == [[]]
    assert calls.calls == []


def test_emit_with_ack_belongs_into_the_loop_of_the_server(stage, connect):
    client = connect(stage, answers={"ask": [1]})
    socket = stage.socket(client)
    for ask in (
        lambda: stage.io.emit_with_ack("ask"),
        lambda: stage.io.of("/").emit_with_ack("ask"),
        lambda: stage.io.to("room").timeout(1).emit_with_ack("ask"),
        lambda: socket.emit_with_ack("ask"),
        lambda: socket.timeout(1).emit_with_ack("ask"),
        lambda: socket.broadcast.emit_with_ack("ask"),
    ):
        with pytest.raises(ConfigurationError, match="in the event loop of the server"):
            asyncio.run(ask())
    assert heard(stage, client) == [[]]
    # As the message says.
    answer = asyncio.run_coroutine_threadsafe(socket.emit_with_ack("ask"), stage.running.loop)
    assert answer.result(10) == 1


def test_server_side_emit_with_ack_belongs_there_too(stage):
    for target in (stage.io, stage.io.of("/chat")):
        with pytest.raises(ConfigurationError, match="in the event loop of the server"):
            asyncio.run(target.server_side_emit_with_ack("news"))
    answers = asyncio.run_coroutine_threadsafe(stage.io.server_side_emit_with_ack("news"), stage.running.loop)
    assert answers.result(10) == []


def test_other_servers_are_emitted_to(stage):
    calls = Calls()
    with held(stage):
        stage.io.server_side_emit("news", 1)
        stage.io.server_side_emit("news", 2, ack=calls)
        with pytest.raises(ConfigurationError):
            stage.io.server_side_emit("connection")
    assert calls.expect(stage) == (None, [])


def test_an_answer_is_given_in_a_thread(stage, connect):
    @stage.io.event("ask", thread=True)
    def ask(socket, data):
        socket.emit("note", data, b"x")
        stage.io.to(socket.id).emit("note", data)
        socket.join("room")
        data.append("changed")
        return data

    client = connect(stage)
    assert client.call("ask", [1]) == [[1, "changed"]]
    assert client.expect_event("note") == [[1], b"x"]
    assert client.expect_event("note") == [[1]]
    until(lambda: "room" in stage.running.call(lambda: stage.socket(client).rooms))
