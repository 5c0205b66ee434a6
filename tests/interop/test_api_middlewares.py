"""Middlewares of namespaces: who is let in, who is told what, and what becomes of those who leave meanwhile.

Source: server-api.md, "namespace.use(fn)"; middlewares.md.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from antiphon import ConfigurationError, ConnectionRefused
from interop_driver import until


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def waiting(stage):
    """A namespace whose only middleware waits until the client has gone; it tells of that."""
    namespace = stage.io.of("/a")

    @namespace.use
    async def wait(socket):
        socket.join("room")
        socket.on("disconnect", lambda *args: stage.seen.add("disconnect"))
        stage.seen.add("asked", socket=socket)
        try:
            await forever()
        finally:
            stage.seen.add("given up")

    namespace.on("connection", lambda socket: stage.seen.add("connection"))
    return namespace


def is_as_new(stage, namespace) -> bool:
    return not (namespace.sockets or namespace.waiting or namespace.adapter.sids or stage.io._tasks)


def test_middlewares_are_called_one_after_the_other_whatever_their_kind(stage, connect):
    told = []

    @stage.io.use
    def first(socket):
        told.append("first")
        # What it returns does not matter.
        return False

    @stage.io.use
    async def second(socket):
        await asyncio.sleep(0)
        told.append("second")

    def third(socket):
        async def later() -> None:
            await asyncio.sleep(0)
            told.append("third")

        return later()

    class Fourth:
        async def __call__(self, socket):
            told.append("fourth")

    assert stage.io.use(third) is third
    stage.io.sockets.use(Fourth())
    stage.io.of("/").use(lambda socket: told.append("fifth"))
    stage.io.on("connection", lambda socket: told.append("connection"))
    connect(stage)
    until(lambda: len(told) == 6)
    assert told == ["first", "second", "third", "fourth", "fifth", "connection"]


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("data", [None, {"content": "Please retry later", "list": [1, None]}, "text", 0])
def test_a_refused_client_is_told_why(stage, start, kind, data):
    def refuse(socket):
        raise ConnectionRefused("not authorized", data)

    async def refuse_later(socket):
        await asyncio.sleep(0)
        refuse(socket)

    stage.io.use(refuse if kind == "plain" else refuse_later)
    stage.io.use(lambda socket: stage.seen.add("next middleware"))
    stage.io.on("connection", lambda socket: stage.seen.add("connection"))
    client = start(stage)
    error = client.expect("connect_error")
    assert (error["message"], error["data"]) == ("not authorized", data)
    assert not client.state()["active"]
    assert client.seen.count("connect") == client.seen.count("disconnect") == 0
    assert not stage.seen.all
    assert not stage.io.sockets.sockets


def test_without_a_message_the_client_is_told_that_it_is_forbidden(stage, start):
    @stage.io.use
    def refuse(socket):
        raise ConnectionRefused

    assert start(stage).expect("connect_error")["message"] == "Forbidden"


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_any_other_exception_refuses_without_betraying_anything(stage, start, kind, caplog):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, data=socket.data)

    def fail(socket):
        socket.data["who"] = "me"
        raise ValueError("no table named secrets")

    async def fail_later(socket):
        await asyncio.sleep(0)
        fail(socket)

    stage.io.use(fail if kind == "plain" else fail_later)
    error = start(stage).expect("connect_error")
    assert (error["message"], error["data"]) == ("Connection refused", None)
    stage.seen.expect("failed", error="no table named secrets", event="middleware", data={"who": "me"})
    assert "no table named secrets" in caplog.text


def test_data_of_a_refusal_that_cannot_be_sent_is_left_out(stage, start):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", event=event)

    @stage.io.use
    def refuse(socket):
        raise ConnectionRefused("not authorized", {"who": object()})

    error = start(stage).expect("connect_error")
    assert (error["message"], error["data"]) == ("not authorized", None)
    stage.seen.expect("failed", event="middleware")


def test_a_refused_client_keeps_its_connection_and_may_try_again(stage, connect, node):
    tries = []

    @stage.io.of("/a").use
    def refuse_once(socket):
        tries.append(socket.id)
        if len(tries) == 1:
            raise ConnectionRefused("not yet")

    stage.io.event("ask")(lambda socket: "answer")
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect("connect_error")
    assert root.call("ask") == ["answer"]
    a.open()
    assert a.expect_connect()["session"] == root.state()["session"]
    assert tries[1] == a.id != tries[0]
    assert root.seen.count("disconnect") == 0


def test_a_socket_is_not_connected_inside_a_middleware(stage, connect):
    @stage.io.use
    async def look(socket):
        for _ in range(2):
            stage.seen.add("inside", connected=socket.connected, disconnected=socket.disconnected)
            assert socket.id not in socket.nsp.sockets
            assert not socket.rooms
            await asyncio.sleep(0)
        # Nothing that is not connected can be disconnected.
        socket.disconnect()
        socket.disconnect(True)

    stage.io.on("connection", lambda socket: stage.seen.add("after", connected=socket.connected))
    client = connect(stage)
    for _ in range(2):
        stage.seen.expect("inside", connected=False, disconnected=True)
    stage.seen.expect("after", connected=True)
    assert client.state()["connected"]


def test_a_middleware_knows_the_handshake_and_prepares_the_socket(stage, connect):
    @stage.io.use
    async def prepare(socket):
        socket.data["user"] = socket.handshake.auth["user"]
        await asyncio.sleep(0)
        socket.join("users", socket.data["user"])
        socket.on("who am I", lambda: socket.data["user"])
        assert not stage.io.sockets.adapter.select(stage.io.to("users")._selection()[1])

    stage.io.on("connection", lambda socket: stage.seen.add("rooms", rooms=set(socket.rooms)))
    client = connect(stage, auth={"user": "ann"})
    assert stage.seen.expect("rooms")["rooms"] == {client.id, "users", "ann"}
    assert client.call("who am I") == ["ann"]
    stage.running.call(lambda: stage.io.to("ann").emit("hello"))
    client.expect_event("hello")


def test_what_a_middleware_emits_arrives_before_the_client_is_connected(stage, connect):
    @stage.io.use
    async def emit(socket):
        socket.emit("early", b"binary")
        await asyncio.sleep(0)
        socket.emit("later")
        stage.io.emit("not for those who wait")

    stage.io.on("connection", lambda socket: socket.emit("last"))
    client = connect(stage)
    client.expect_event("last")
    reports = [report.get("event", report["report"]) for report in client.seen.all if report["report"] != "upgrade"]
    # The client keeps them until it is connected, and hands them over first.
    assert reports == ["early", "later", "connect", "last"]


def test_what_a_refusing_middleware_emits_is_sent_and_its_socket_takes_nothing_later(stage, start):
    found = []

    @stage.io.use
    def refuse(socket):
        found.append(socket)
        socket.emit("reason")
        socket.join("room")
        raise ConnectionRefused("no")

    client = start(stage)
    client.expect("connect_error")
    (socket,) = found

    def act() -> None:
        socket.join("room")
        assert not socket.rooms
        assert not socket.connected
        assert stage.io.sockets.adapter.sids == {}

    stage.running.call(act)


def test_a_refused_socket_is_never_told_that_it_has_left(stage, start, connect, node):
    for event in ("disconnecting", "disconnect"):
        stage.io.of("/a").event(event)(lambda socket, *args: stage.seen.add("told"))

    @stage.io.of("/a").use
    async def refuse(socket):
        socket.on("disconnecting", lambda *args: stage.seen.add("told"))
        socket.on("disconnect", lambda *args: stage.seen.add("told"))
        stage.seen.add("task", task=socket.start_task(forever()))
        await asyncio.sleep(0)
        raise ConnectionRefused("no")

    root = connect(stage)
    node.client("/a", share=root).expect("connect_error")
    task = stage.seen.expect("task")["task"]
    until(task.done)
    assert task.cancelled()
    root.disconnect()
    until(lambda: not stage.io.engine.sockets)
    assert stage.seen.count("told") == 0
    assert is_as_new(stage, stage.io.of("/a"))


@pytest.mark.parametrize("how", ["disconnect", "close", "by the server"])
def test_a_client_that_leaves_meanwhile_leaves_nothing_behind(stage, start, waiting, how):
    client = start(stage, "/a")
    socket = stage.seen.expect("asked")["socket"]
    assert len(waiting.waiting) == 1
    if how == "disconnect":
        client.disconnect()
    elif how == "close":
        client.close_manager()
    else:
        stage.running.call(socket.conn.close)
    stage.seen.expect("given up")
    until(lambda: not stage.io.engine.sockets)
    until(lambda: is_as_new(stage, waiting))
    assert stage.seen.count("connection") == stage.seen.count("disconnect") == 0
    assert socket.disconnected
    assert client.seen.count("connect") == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("how", ["connection", "client"])
def test_a_middleware_may_close_the_connection(stage, start, kind, how):
    def close(socket):
        stage.seen.add("asked", socket=socket)
        if how == "connection":
            socket.conn.close()
        else:
            socket.client.disconnect()

    async def close_later(socket):
        await asyncio.sleep(0)
        close(socket)

    stage.io.use(close if kind == "plain" else close_later)
    stage.io.on("connection", lambda socket: stage.seen.add("connection"))
    client = start(stage)
    socket = stage.seen.expect("asked")["socket"]
    until(lambda: not stage.io.engine.sockets)
    until(lambda: is_as_new(stage, stage.io.sockets), 5)
    assert socket.disconnected
    assert stage.seen.count("connection") == 0
    assert client.seen.count("connect") == 0


def test_a_middleware_that_waits_for_what_was_cancelled_refuses_the_client(stage, start):
    @stage.io.use
    async def wait(socket):
        lookup = asyncio.ensure_future(forever())
        lookup.cancel()
        await lookup

    assert start(stage).expect("connect_error", 5)["message"] == "Connection refused"
    until(lambda: is_as_new(stage, stage.io.sockets))


def test_asking_again_while_a_middleware_runs_closes_the_connection(stage, connect, node, waiting):
    root = connect(stage)
    a = node.client("/a", share=root)
    stage.seen.expect("asked")
    root.raw("0/a,")
    assert root.expect("disconnect")["reason"] == "transport close"
    stage.seen.expect("given up")
    until(lambda: is_as_new(stage, waiting))
    assert stage.seen.count("asked") == 1
    assert a.seen.count("connect") == 0


def test_an_event_for_a_namespace_that_is_not_joined_yet_closes_the_connection(stage, connect, node, waiting):
    stage.io.on("connection", stage.watch)
    root = connect(stage)
    node.client("/a", share=root)
    stage.seen.expect("asked")
    root.raw('2/a,["too early"]')
    assert root.expect("disconnect")["reason"] == "transport close"
    assert stage.seen.expect("disconnect", nsp="/")["reason"] == "forced close"
    stage.seen.expect("given up")


def test_a_slow_middleware_holds_up_nobody_else(stage, connect, node, waiting):
    stage.io.event("ask")(lambda socket: "answer")
    root = connect(stage)
    node.client("/a", share=root)
    stage.seen.expect("asked")
    assert root.call("ask") == ["answer"]
    assert connect(stage).call("ask") == ["answer"]


def test_what_a_middleware_asks_is_answered_once_the_client_is_connected(stage, connect):
    @stage.io.use
    def ask(socket):
        socket.emit("ask", ack=lambda answer: stage.seen.add("answered", answer=answer, connected=socket.connected))

    connect(stage, answers={"ask": ["answer"]})
    stage.seen.expect("answered", answer="answer", connected=True)


def test_each_namespace_has_its_own_middlewares(stage, connect, node, start):
    told = []

    @stage.io.use
    def of_the_root(socket):
        told.append("/")
        if "root" not in socket.handshake.auth:
            raise ConnectionRefused("not in the root")

    stage.io.of("/a").use(lambda socket: told.append("/a"))
    stage.io.of("/b")
    root = connect(stage, auth={"root": True})
    a, b = node.client("/a", share=root), node.client("/b", share=root)
    a.expect_connect()
    b.expect_connect()
    assert told == ["/", "/a"]
    assert start(stage).expect("connect_error")["message"] == "not in the root"
    connect(stage, "/a")
    assert told == ["/", "/a", "/", "/a"]


def test_a_client_joins_several_namespaces_while_others_decide(stage, connect, node):
    decided = stage.running.call(asyncio.Event)

    @stage.io.of("/slow").use
    async def wait(socket):
        stage.seen.add("asked")
        await decided.wait()

    stage.io.of("/quick").event("ask")(lambda socket: "answer")
    root = connect(stage)
    slow, quick = node.client("/slow", share=root), node.client("/quick", share=root)
    stage.seen.expect("asked")
    quick.expect_connect()
    assert quick.call("ask") == ["answer"]
    stage.running.call(decided.set)
    slow.expect_connect()
    assert {len(stage.io.of(name).sockets) for name in ("/", "/slow", "/quick")} == {1}


def test_a_child_is_dropped_when_its_only_client_leaves_meanwhile(serve, start):
    stage = serve(cleanup_empty_child_namespaces=True)

    @stage.io.of(re.compile("^/room")).use
    async def wait(socket):
        stage.seen.add("asked")
        await forever()

    client = start(stage, "/room-1")
    stage.seen.expect("asked")
    assert stage.io.find_namespace("/room-1") is not None
    client.disconnect()
    until(lambda: stage.io.find_namespace("/room-1") is None)


def test_closing_the_server_ends_middlewares_that_wait(serve, start):
    stage = serve()

    @stage.io.use
    async def wait(socket):
        stage.seen.add("asked")
        try:
            await forever()
        finally:
            stage.seen.add("given up")

    client = start(stage)
    stage.seen.expect("asked")
    stage.running.run(stage.io.close())
    stage.seen.expect("given up")
    assert is_as_new(stage, stage.io.sockets)
    assert client.seen.count("connect") == 0


def no_argument():
    pass


def two_arguments(socket, proceed):
    proceed()


@pytest.mark.parametrize("middleware", [no_argument, two_arguments, "check"])
def test_what_cannot_be_a_middleware_is_refused(stage, middleware):
    for use in (stage.io.use, stage.io.of("/a").use):
        with pytest.raises(ConfigurationError, match="a socket"):
            use(middleware)
    assert not stage.io.sockets.registry.middlewares
