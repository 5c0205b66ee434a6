"""Two servers and an adapter that links them: what the adapter interface promises, with the official client."""

from __future__ import annotations

import asyncio
import threading

import pytest

from antiphon import (
    Ack,
    AckTimeout,
    RemoteSocket,
    Socket,
    SocketDisconnected,
)
from broadcast_helpers import heard, join, pending_acks
from interop_driver import until
from linked_adapter import Link

LONG = 3600


@pytest.fixture
def link():
    return Link()


@pytest.fixture
def two(serve, link):
    """Two servers that are linked."""
    stages = [serve(adapter=link.adapter) for _ in range(2)]
    until(lambda: len(link.members("/")) == 2)
    return stages


@pytest.fixture
def pair(two, connect):
    """A client of each server."""
    return [connect(stage, answers={"ask": [number]}) for number, stage in enumerate(two)]


def make_namespace(two, name):
    for stage in two:
        stage.running.call(lambda stage=stage: stage.io.of(name))
    until(lambda: len(two[0].io.of(name).adapter.link.members(name)) == len(two))


def test_each_server_counts_all(two, connect):
    for stage in two:
        assert stage.running.run(stage.io.sockets.adapter.server_count()) == 2


def test_broadcasts_reach_the_clients_of_both_servers(two, pair):
    (one, other), (here, there) = two, pair
    join(one, here, "a", "both")
    join(other, there, "b", "both")

    def emit():
        io = one.io
        io.emit("all", {"n": [1]}, b"binary")
        io.to("b").emit("there alone")
        io.in_("both").emit("both")
        io.to("a", "b").emit("union")
        io.to("both").except_("b").emit("here alone")
        io.except_(there.id).emit("not there")
        io.to(there.id).emit("private")
        io.to("unknown").emit("nobody")
        io.compress(False).emit("uncompressed")
        one.socket(here).broadcast.emit("not the sender")
        one.socket(here).to("both").emit("not the sender either")
        io.send("text")

    one.running.call(emit)
    assert heard(one, here, there) == [
        ["all", "both", "union", "here alone", "not there", "uncompressed", "message"],
        [
            "all", "there alone", "both", "union", "private", "uncompressed",
            "not the sender", "not the sender either", "message",
        ],
    ]  # fmt: skip
    for client in pair:
        assert client.seen.count("event", event="all", args=[{"n": [1]}, b"binary"]) == 1


def test_a_local_broadcast_stays_on_its_server(two, pair):
    one, (here, there) = two[0], pair

    def emit():
        one.io.local.emit("by the server")
        one.io.of("/").local.emit("by the namespace")
        one.io.to(here.id, there.id).local.emit("to rooms")
        one.socket(here).local.emit("by the socket")

    one.running.call(emit)
    assert heard(one, here, there) == [["by the server", "by the namespace", "to rooms"], []]
    assert one.running.run(one.io.local.emit_with_ack("ask")) == [0]


def test_a_namespace_is_linked_with_its_own_like_alone(two, connect):
    make_namespace(two, "/chat")
    roots = [connect(stage) for stage in two]
    inside = [connect(stage, "/chat") for stage in two]
    two[0].running.call(lambda: two[0].io.of("/chat").emit("to the chat"))
    two[1].running.call(lambda: two[1].io.emit("to the root"))
    assert heard(two[0], *inside, nsp="/chat") == [["to the chat"]] * 2
    assert heard(two[1], *roots) == [["to the root"]] * 2


def test_an_emit_in_a_thread_reaches_both_servers(two, pair):
    data = [1]
    two[0].io.emit("data", data, bytearray(b"x"))
    data.append(2)
    for client in pair:
        assert client.expect_event("data") == [[1], b"x"]


# Acknowledgements


def test_a_broadcast_waits_for_the_clients_of_both_servers(two, pair, connect):
    one, other = two
    late = connect(other)
    responses = one.running.run(one.io.except_(late.id).emit_with_ack("ask", timeout=LONG))
    assert sorted(responses) == [0, 1]
    assert responses.by_id == {client.id: number for number, client in enumerate(pair)}
    waiting = asyncio.run_coroutine_threadsafe(one.io.emit_with_ack("ask", timeout=LONG), one.running.loop)
    call = late.expect("event", event="ask")["call"]
    assert not waiting.done()
    late.answer(call, "late")
    assert sorted(waiting.result(10), key=str) == [0, 1, "late"]


def test_the_clients_of_the_other_server_alone_are_waited_for(two, connect):
    one, other = two
    connect(other, answers={"ask": [{"binary": b"x"}, "more"]})
    answers = []
    one.running.call(lambda: one.io.timeout(LONG).emit("ask", ack=lambda *args: answers.append(args)))
    until(lambda: answers)
    assert answers == [(None, [{"binary": b"x"}])]


def test_nobody_on_either_server_is_no_response_at_once(two, pair):
    one = two[0]
    assert one.running.run(one.io.to("unknown").emit_with_ack("ask", timeout=LONG)) == []


def test_who_does_not_answer_on_the_other_server_is_named(two, pair, connect):
    one, other = two
    silent = connect(other)
    with pytest.raises(AckTimeout) as caught:
        one.running.run(one.io.timeout(1).emit_with_ack("ask"))
    assert sorted(caught.value.responses) == [0, 1]
    assert caught.value.missing == {silent.id}
    # Nor does the other server wait for it any longer.
    until(lambda: other.running.call(lambda: pending_acks(other.io.sockets)) == 0)


def test_who_leaves_the_other_server_is_not_waited_for(two, pair, connect):
    one, other = two
    leaver = connect(other)
    gone = leaver.id
    waiting = asyncio.run_coroutine_threadsafe(one.io.emit_with_ack("ask", timeout=LONG), one.running.loop)
    leaver.expect_event("ask")
    leaver.disconnect()
    responses = waiting.result(10)
    assert sorted(responses) == [0, 1]
    assert responses.missing == {gone}


# What is done to many


def test_fetch_sockets_returns_those_of_both_servers(two, pair):
    (one, other), (here, there) = two, pair
    join(other, there, "room")
    other.running.call(lambda: other.socket(there).data.update(name="Anna"))

    def fetch(selection):
        return sorted(one.running.run(selection.fetch_sockets()), key=lambda socket: isinstance(socket, RemoteSocket))

    mine, theirs = fetch(one.io)
    assert isinstance(mine, Socket)
    assert isinstance(theirs, RemoteSocket)
    assert (mine.id, theirs.id) == (here.id, there.id)
    assert theirs.rooms == {there.id, "room"}
    assert theirs.data == {"name": "Anna"}
    assert theirs.handshake.query["EIO"] == "4"
    assert theirs.handshake.url.startswith("/socket.io/")
    assert [socket.id for socket in fetch(one.io.in_("room"))] == [there.id]
    assert [socket.id for socket in fetch(one.io.except_("room"))] == [here.id]
    assert [socket.id for socket in fetch(one.io.local)] == [here.id]
    assert [socket.id for socket in fetch(one.socket(here).broadcast)] == [there.id]
    assert fetch(one.io.local.in_("room")) == []


def test_the_handshake_of_a_remote_socket_has_what_its_client_gave(two, connect):
    one, other = two
    connect(other, auth={"token": "secret"}, query={"x": "1"})
    (remote,) = one.running.run(one.io.fetch_sockets())
    assert remote.handshake.auth == {"token": "secret"}
    assert remote.handshake.query["x"] == "1"
    assert remote.handshake.address == "127.0.0.1"


@pytest.fixture
def remote(two, connect):
    """A client of the second server, and what the first one knows of it."""
    client = connect(two[1], answers={"ask": ["answer", "more"]})
    (remote,) = two[0].running.run(two[0].io.fetch_sockets())
    return client, remote


def test_a_remote_socket_is_emitted_to(two, remote, connect):
    one, (client, socket) = two[0], remote
    bystander = connect(two[1])
    one.running.call(lambda: (socket.emit("hello", 1, b"binary"), socket.timeout(1).emit("again")))
    assert heard(one, client, bystander) == [["hello", "again"], []]
    assert client.seen.count("event", event="hello", args=[1, b"binary"]) == 1


def test_a_remote_socket_answers_once(two, remote):
    one, (_, socket) = two[0], remote
    answers = []
    assert one.running.run(socket.emit_with_ack("ask")) == "answer"
    assert one.running.run(socket.timeout(10).emit_with_ack("ask")) == "answer"
    assert one.running.run(socket.emit_with_ack("ask", timeout=10)) == "answer"
    one.running.call(lambda: socket.emit("ask", ack=lambda *args: answers.append(args)))
    one.running.call(lambda: socket.timeout(10).emit("ask", ack=lambda *args: answers.append(args)))
    until(lambda: len(answers) == 2)
    assert answers == [(None, "answer")] * 2


def test_a_remote_socket_that_does_not_answer_runs_out_of_time(two, remote):
    one, (_, socket) = two[0], remote
    answers = []
    with pytest.raises(AckTimeout):
        one.running.run(socket.timeout(0.1).emit_with_ack("silence"))
    one.running.call(lambda: socket.timeout(0.1).emit("silence", ack=lambda *args: answers.append(args)))
    until(lambda: answers)
    ((error, response),) = answers
    assert isinstance(error, AckTimeout)
    assert response is None


def test_a_remote_socket_that_is_gone_is_an_error(two, remote):
    one, other = two
    client, socket = remote
    answers = []
    client.disconnect()
    until(lambda: not other.io.sockets.sockets)
    with pytest.raises(SocketDisconnected):
        one.running.run(socket.emit_with_ack("ask", timeout=LONG))
    one.running.call(lambda: socket.timeout(LONG).emit("ask", ack=lambda *args: answers.append(args)))
    until(lambda: answers)
    ((error, response),) = answers
    assert isinstance(error, SocketDisconnected)
    assert response is None


def test_a_remote_socket_joins_and_leaves(two, remote, connect):
    one, other = two
    client, socket = remote
    bystander = connect(other)

    def act():
        socket.join("a", ["b", "c"])
        socket.leave("b")
        one.io.to("a").emit("to a")
        one.io.to("b").emit("to b")

    one.running.call(act)
    assert heard(one, client, bystander) == [["to a"], []]
    assert other.running.call(lambda: other.socket(client).rooms) == {client.id, "a", "c"}
    # What it knows is from the moment when it was asked for.
    assert socket.rooms == {client.id}


@pytest.mark.parametrize("close", [False, True])
def test_a_remote_socket_is_disconnected(two, remote, connect, node, close):
    one, other = two
    client, socket = remote
    bystander = connect(other)
    make_namespace(two, "/chat")
    chat = node.client("/chat", share=client)
    chat.expect_connect()
    one.running.call(lambda: socket.disconnect(close))
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    if close:
        assert chat.expect("disconnect")["reason"] == "io server disconnect"
        until(lambda: len(other.io.engine.sockets) == 1)
    else:
        assert chat.state()["connected"]
    assert set(other.io.sockets.sockets) == {bystander.id}


def test_sockets_of_both_servers_join_and_leave(two, pair):
    (one, other), (here, there) = two, pair

    def act():
        one.io.sockets_join("a", ["b"])
        one.io.local.sockets_join("here")
        one.io.in_("b").except_(here.id).sockets_join("there")
        one.io.to(there.id).sockets_leave("a")
        one.io.sockets_leave("b")
        one.io.sockets_join("closed")
        one.io.close_room("closed")

    one.running.call(act)
    heard(one, *pair)
    assert one.running.call(lambda: one.socket(here).rooms) == {here.id, "a", "here"}
    assert other.running.call(lambda: other.socket(there).rooms) == {there.id, "there"}
    assert one.running.run(one.io.all_sockets()) == {here.id, there.id}
    assert one.running.run(one.io.in_("there").all_sockets()) == {there.id}


@pytest.mark.parametrize("close", [False, True])
def test_sockets_of_both_servers_are_disconnected(two, pair, node, close):
    one, other = two
    make_namespace(two, "/chat")
    chat = node.client("/chat", share=pair[1])
    chat.expect_connect()
    one.running.call(lambda: one.io.local.disconnect_sockets(close))
    assert pair[0].expect("disconnect")["reason"] == "io server disconnect"
    assert pair[1].state()["connected"]
    one.running.call(lambda: one.io.disconnect_sockets(close))
    assert pair[1].expect("disconnect")["reason"] == "io server disconnect"
    until(lambda: not other.io.sockets.sockets)
    if close:
        assert chat.expect("disconnect")["reason"] == "io server disconnect"
        until(lambda: not other.io.engine.sockets)
    else:
        assert chat.state()["connected"]


# Servers among themselves


def test_the_other_servers_get_what_is_emitted_to_them(serve, link):
    stages = [serve(adapter=link.adapter) for _ in range(3)]
    until(lambda: len(link.members("/")) == 3)
    seen = [[] for _ in stages]
    for stage, calls in zip(stages, seen, strict=True):
        stage.io.on("news", lambda *args, calls=calls: calls.append((args, threading.get_ident())))
    stages[0].running.call(lambda: stages[0].io.server_side_emit("news", 1, {"two": [3]}, b"four"))
    until(lambda: seen[1] and seen[2])
    for stage, calls in zip(stages[1:], seen[1:], strict=True):
        assert calls == [((1, {"two": [3]}, b"four"), stage.running.call(threading.get_ident))]
    assert seen[0] == []


HANDLERS = {"plain": "def", "async": "async def", "thread": "thread=True", "by hand": "Ack"}


def answer(io, kind, name, value):
    """Register a handler that answers."""
    if kind == "plain":
        io.on(name, lambda number: (value, number))
    elif kind == "thread":
        io.on(name, lambda number: [value, number], thread=True)
    elif kind == "async":

        @io.on(name)
        async def later(number):
            await asyncio.sleep(0)
            return [value, number]

    else:

        @io.on(name)
        def by_hand(number, ack: Ack):
            ack([value, number])
            ack("ignored")


@pytest.mark.parametrize("kind", HANDLERS)
def test_the_other_servers_answer_with_what_their_handlers_return(serve, link, kind):
    stages = [serve(adapter=link.adapter) for _ in range(3)]
    until(lambda: len(link.members("/")) == 3)
    for number, stage in enumerate(stages):
        answer(stage.io, kind, "ask", number)
    io, running = stages[0].io, stages[0].running
    # Only the first argument counts, as with the answers of clients.
    expected = [1, 2] if kind == "plain" else [[1, 7], [2, 7]]
    assert sorted(running.run(io.server_side_emit_with_ack("ask", 7))) == expected
    answers = []
    running.call(lambda: io.server_side_emit("ask", 7, ack=lambda *args: answers.append(args)))
    until(lambda: answers)
    error, responses = answers[0]
    assert error is None
    assert sorted(responses) == expected


def test_a_server_that_does_not_answer_is_missing(serve, link):
    stages = [serve(adapter=link.adapter, ack_timeout=1) for _ in range(3)]
    until(lambda: len(link.members("/")) == 3)
    stages[1].io.on("ask", lambda: "answer")
    io, running = stages[0].io, stages[0].running
    answers = []
    waiting = asyncio.run_coroutine_threadsafe(io.server_side_emit_with_ack("ask"), running.loop)
    running.call(lambda: io.server_side_emit("ask", ack=lambda *args: answers.append(args)))
    until(lambda: answers)
    error, responses = answers[0]
    assert responses == ["answer"]
    for caught in (error, waiting.exception(10)):
        assert isinstance(caught, AckTimeout)
        assert caught.responses == ["answer"]


def test_servers_emit_in_a_namespace_and_in_a_thread(two):
    seen = []
    make_namespace(two, "/chat")
    for stage in two:
        stage.io.of("/chat").on("news", seen.append)
        stage.io.on("news", lambda data: seen.append("in another namespace"))
    data, reached, go_on = [1], threading.Event(), threading.Event()
    two[0].running.loop.call_soon_threadsafe(lambda: (reached.set(), go_on.wait(15)))
    assert reached.wait(15)
    two[0].io.of("/chat").server_side_emit("news", data)
    data.append(2)
    go_on.set()
    until(lambda: seen)
    assert seen == [[1]]


def test_a_handler_that_is_to_be_called_once_is(two):
    seen = []
    two[1].io.once("news", seen.append)
    two[1].io.on("end", lambda: seen.append("end"))

    def emit():
        for number in range(3):
            two[0].io.server_side_emit("news", number)
        two[0].io.server_side_emit("end")

    two[0].running.call(emit)
    until(lambda: "end" in seen)
    assert seen == [0, "end"]


def test_a_handler_that_fails_is_reported_on_its_server(two, caplog):
    failures = []

    @two[1].io.exception_handler
    def failed(error, event, socket):
        failures.append((str(error), event, socket))

    @two[1].io.on("news")
    def news():
        raise ValueError("broken on purpose")

    two[0].running.call(lambda: two[0].io.server_side_emit("news"))
    until(lambda: failures)
    assert failures == [("broken on purpose", "news", None)]
