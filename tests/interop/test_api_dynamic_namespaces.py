"""Namespaces that are made when a client asks for them: by pattern, by function, or any at all.

Source: server-api.md, "server.of(nsp)"; server-options.md, "cleanupEmptyChildNamespaces".
"""

from __future__ import annotations

import asyncio
import re

import pytest

from antiphon import Adapter, ConfigurationError, ConnectionRefused, Namespace
from interop_driver import until

ROOM = re.compile(r"^/room-\d+$")


@pytest.fixture
def told(stage):
    """What was told to the handlers of this test, in order."""
    return []


def test_a_pattern_makes_the_namespaces_that_clients_ask_for(stage, connect, start):
    parent = stage.io.of(ROOM)

    @parent.on("connection")
    def connection(socket):
        socket.emit("welcome", socket.nsp.name)

    @parent.event("ask")
    def ask(socket, value):
        return socket.nsp.name, value

    one, two, again = connect(stage, "/room-1"), connect(stage, "/room-2"), connect(stage, "/room-1")
    for client, name in ((one, "/room-1"), (two, "/room-2"), (again, "/room-1")):
        assert client.expect_event("welcome") == [name]
        assert client.call("ask", b"binary") == [name, b"binary"]
    assert set(stage.io.of("/room-1").sockets) == {one.id, again.id}
    assert set(stage.io.of("/room-2").sockets) == {two.id}
    assert parent.children == {stage.io.of("/room-1"), stage.io.of("/room-2")}
    assert not parent.sockets
    assert start(stage, "/room-x").expect("connect_error")["message"] == "Invalid namespace"


def test_a_pattern_without_anchors_matches_anywhere_in_the_name(stage, connect):
    stage.io.of(re.compile("room"))
    assert connect(stage, "/the-room-there").state()["connected"]


def test_what_is_emitted_in_one_child_stays_there(stage, connect):
    stage.io.of(ROOM)
    one, two = connect(stage, "/room-1"), connect(stage, "/room-2")

    def act() -> None:
        stage.io.of("/room-1").emit("for one")
        stage.io.of("/room-2").emit("for two")
        stage.io.emit("for the root")
        for name in ("/room-1", "/room-2"):
            stage.io.of(name).emit("end")

    stage.running.call(act)
    one.expect_event("end")
    two.expect_event("end")
    assert (one.seen.events(), two.seen.events()) == (["for one", "end"], ["for two", "end"])


def test_a_parent_speaks_to_all_children_at_once(stage, connect):
    parent = stage.io.of(ROOM)
    one, two, other = connect(stage, "/room-1"), connect(stage, "/room-2"), connect(stage)
    third = connect(stage, "/room-2")

    def act() -> None:
        parent.to(two.id).sockets_join("inside")
        parent.emit("all", b"binary")
        parent.to("inside").emit("inside")
        parent.to("inside").to(one.id).emit("one and two")
        parent.except_("inside").emit("not two")
        parent.send("text")
        parent.sockets_leave("inside")
        parent.to("inside").emit("nobody")
        parent.in_(third.id).disconnect_sockets()
        parent.emit("end")
        stage.io.emit("end")

    stage.running.call(act)
    for client in (one, two, other):
        client.expect_event("end")
    third.expect("disconnect")
    assert one.seen.events() == ["all", "one and two", "not two", "message", "end"]
    assert two.seen.events() == ["all", "inside", "one and two", "message", "end"]
    assert third.seen.events() == ["all", "not two", "message"]
    assert other.seen.events() == ["end"]
    assert one.seen.count("event", event="all", args=[b"binary"]) == 1


def test_a_broadcast_of_a_parent_may_be_awaited(stage, connect):
    parent = stage.io.of(ROOM)
    clients = [connect(stage, f"/room-{number}") for number in range(2)]

    async def emit() -> None:
        await parent.emit("large", "x" * 200_000)

    stage.running.run(emit())
    for client in clients:
        assert len(client.expect_event("large")[0]) == 200_000


def test_what_a_parent_cannot_know_is_refused(stage, connect):
    parent = stage.io.of(ROOM)
    client = connect(stage, "/room-1", answers={"ask": []})
    for coroutine in (parent.fetch_sockets(), parent.emit_with_ack("ask")):
        with pytest.raises(ConfigurationError, match="not supported on parent namespaces"):
            stage.running.run(coroutine)
    assert client.state()["connected"]


def test_a_child_begins_with_what_its_parent_has_and_gets_nothing_later(stage, connect, told):
    parent = stage.io.of(ROOM)
    parent.use(lambda socket: told.append((socket.nsp.name, "early")))
    parent.on("connection", lambda socket: socket.emit("early"))
    parent.event("early")(lambda socket: "early")
    old = connect(stage, "/room-1")

    parent.use(lambda socket: told.append((socket.nsp.name, "late")))
    parent.on("connection", lambda socket: socket.emit("late"))
    parent.event("late")(lambda socket: "late")
    parent.event("early")(lambda socket: told.append("called too late"))
    again, new = connect(stage, "/room-1"), connect(stage, "/room-2")

    assert told == [("/room-1", "early"), ("/room-1", "early"), ("/room-2", "early"), ("/room-2", "late")]
    for client, expected in ((old, ["early"]), (again, ["early"]), (new, ["early", "late"])):
        client.expect_event(expected[-1])
        assert client.seen.events() == expected
    assert old.call("late", timeout=30) == ["operation has timed out"]
    assert old.call("early") == ["early"]
    assert new.call("late") == ["late"]
    assert "called too late" not in told


def test_what_is_registered_at_a_child_does_not_reach_others(stage, connect):
    parent = stage.io.of(ROOM)
    parent.event("ask")(lambda socket: "parent")
    connect(stage, "/room-1")
    stage.io.of("/room-1").event("tell")(lambda socket: "child")

    @stage.io.of("/room-1").use
    def refuse(socket):
        raise ConnectionRefused("no more")

    other = connect(stage, "/room-2")
    assert other.call("ask") == ["parent"]
    assert other.call("tell", timeout=30) == ["operation has timed out"]


def test_a_namespace_with_a_name_wins_over_a_pattern(stage, connect):
    static = stage.io.of("/room-1", lambda socket: socket.emit("static"))
    parent = stage.io.of(ROOM, lambda socket: socket.emit("dynamic"))
    client, other = connect(stage, "/room-1"), connect(stage, "/room-2")
    client.expect_event("static")
    other.expect_event("dynamic")
    stage.running.call(lambda: parent.emit("to children"))
    other.expect_event("to children")
    stage.running.call(lambda: static.emit("end"))
    client.expect_event("end")
    assert client.seen.events() == ["static", "end"]


def test_parents_are_asked_in_the_order_of_their_registration(stage, connect, told):
    stage.io.of(re.compile("^/a"), lambda socket: socket.emit("first"))

    @stage.io.of
    def asked(name, auth):
        told.append(name)
        return name.endswith("b")

    stage.io.of(re.compile("c"), lambda socket: socket.emit("last"))
    for name, expected in (("/abc", "first"), ("/c", "last")):
        connect(stage, name).expect_event(expected)
    assert told == ["/c"]
    connect(stage, "/xb")
    assert told == ["/c", "/xb"]


def test_a_child_that_is_asked_for_by_name_belongs_to_its_parent(stage, connect):
    parent = stage.io.of(ROOM)
    parent.on("connection", lambda socket: socket.emit("welcome"))
    child = stage.io.of("room-7")
    assert parent.children == {child}
    assert stage.io.of("/room-x") not in parent.children
    client = connect(stage, "/room-7")
    client.expect_event("welcome")
    stage.running.call(lambda: parent.emit("to children"))
    client.expect_event("to children")
    assert stage.io.of("/room-7") is child


def test_a_parent_forgets_a_child_that_another_namespace_has_replaced(stage):
    parent = stage.io.of(ROOM)
    child = stage.io.of("/room-1")
    assert stage.io.of("/room-1", type("Room", (Namespace,), {})) is not child
    assert all(stage.io.find_namespace(child.name) is child for child in parent.children)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_function_decides_by_name_and_auth(stage, connect, start, told, kind):
    def plain(name, auth):
        told.append((name, auth))
        return auth.get("token") == "secret"

    async def later(name, auth):
        await asyncio.sleep(0)
        return plain(name, auth)

    parent = stage.io.of(plain if kind == "plain" else later)
    parent.on("connection", lambda socket: socket.emit("auth", dict(socket.handshake.auth)))
    assert start(stage, "/x").expect("connect_error")["message"] == "Invalid namespace"
    client = connect(stage, "/x", auth={"token": "secret"})
    assert client.expect_event("auth") == [{"token": "secret"}]
    assert told == [("/x", {}), ("/x", {"token": "secret"})]
    # The namespace is there now: whoever wants to keep others out needs a middleware.
    connect(stage, "/x")
    assert len(told) == 2


def test_a_function_of_another_function_is_asked_when_the_first_has_refused(stage, connect, start, told):
    async def first(name, auth):
        told.append(("first", name))
        await asyncio.sleep(0)
        return name == "/one"

    def second(name, auth):
        told.append(("second", name))
        return name == "/two"

    stage.io.of(first, lambda socket: socket.emit("first"))
    stage.io.of(second, lambda socket: socket.emit("second"))
    connect(stage, "/one").expect_event("first")
    connect(stage, "/two").expect_event("second")
    assert start(stage, "/three").expect("connect_error")["message"] == "Invalid namespace"
    assert told == [
        ("first", "/one"),
        *[("first", "/two"), ("second", "/two")],
        *[("first", "/three"), ("second", "/three")],
    ]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_function_that_fails_allows_nothing_and_the_next_parent_is_asked(stage, connect, start, kind):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), socket=socket)

    def plain(name, auth):
        raise ValueError("the database is away")

    async def later(name, auth):
        await asyncio.sleep(0)
        raise ValueError("the database is away")

    stage.io.of(plain if kind == "plain" else later)
    error = start(stage, "/x").expect("connect_error")
    assert (error["message"], error["data"]) == ("Invalid namespace", None)
    stage.seen.expect("failed", error="the database is away", socket=None)
    stage.io.of(re.compile("^/x$"))
    connect(stage, "/x")


def test_two_clients_that_ask_at_once_get_the_same_namespace(stage, connect, node, start):
    decided = stage.running.call(asyncio.Event)

    async def allow(name, auth):
        stage.seen.add("asked", name=name)
        await decided.wait()
        return True

    announced = []
    stage.io.on("new_namespace", announced.append)
    stage.io.of(allow).event("ask")(lambda socket: socket.nsp.name)
    clients = [start(stage, "/x") for _ in range(2)]
    for _ in clients:
        stage.seen.expect("asked", name="/x")
    stage.running.call(decided.set)
    for client in clients:
        client.expect_connect()
        assert client.call("ask") == ["/x"]
    assert [namespace.name for namespace in announced] == ["/x"]
    assert set(stage.io.of("/x").sockets) == {client.id for client in clients}


def test_a_client_that_leaves_while_a_function_decides_makes_no_namespace(stage, start):
    async def allow(name, auth):
        stage.seen.add("asked")
        try:
            await asyncio.Event().wait()
        finally:
            stage.seen.add("given up")

    stage.io.of(allow)
    client = start(stage, "/x")
    stage.seen.expect("asked")
    client.disconnect()
    stage.seen.expect("given up")
    until(lambda: not stage.io.engine.sockets)
    assert stage.io.find_namespace("/x") is None


def test_asking_again_while_a_function_decides_closes_the_connection(stage, connect, node):
    async def allow(name, auth):
        stage.seen.add("asked")
        try:
            await asyncio.Event().wait()
        finally:
            stage.seen.add("given up")

    stage.io.of(allow)
    root = connect(stage)
    node.client("/x", share=root)
    stage.seen.expect("asked")
    root.raw("0/x,")
    assert root.expect("disconnect")["reason"] == "transport close"
    stage.seen.expect("given up")
    assert stage.seen.count("asked") == 1


def test_an_asterisk_makes_what_nothing_else_has_made(stage, connect):
    stage.io.of("*", lambda socket: socket.emit("any", socket.nsp.name))
    stage.io.of("/static", lambda socket: socket.emit("static"))
    stage.io.of(ROOM, lambda socket: socket.emit("pattern"))
    stage.io.of(lambda name, auth: name == "/function", lambda socket: socket.emit("function"))
    for name, expected in (("/static", "static"), ("/room-1", "pattern"), ("/function", "function"), ("/x/y z", "any")):
        client = connect(stage, name)
        client.expect_event(expected)
        assert client.call("nobody", timeout=1) == ["operation has timed out"]
        assert client.seen.events() == [expected]
    root = connect(stage)
    assert root.seen.events() == []


def test_an_asterisk_is_no_name(stage):
    assert stage.io.of("*") is not stage.io.of("/*")


def test_a_new_namespace_is_announced_before_its_first_client_is_let_in(stage, connect, start, told):
    stage.io.of(ROOM)

    @stage.io.on("new_namespace")
    def new_namespace(namespace):
        told.append(namespace.name)

        @namespace.use
        def check(socket):
            if socket.handshake.auth.get("token") != "secret":
                raise ConnectionRefused("not authorized")

    assert start(stage, "/room-1").expect("connect_error")["message"] == "not authorized"
    connect(stage, "/room-1", auth={"token": "secret"})
    assert told == ["/room-1"]
    assert start(stage, "/room-2").expect("connect_error")["message"] == "not authorized"
    assert told == ["/room-1", "/room-2"]


@pytest.mark.parametrize("name", [None, 1, b"/a", ["/a"]])
def test_what_names_no_namespace_is_refused(stage, name):
    with pytest.raises(ConfigurationError, match="name of a namespace"):
        stage.io.of(name)


# What becomes of children that are empty


class NotedAdapter(Adapter):
    """An adapter that tells when it is closed."""

    closed: list[str]

    def close(self) -> None:
        self.closed.append(self.nsp.name)


def noted_adapter() -> type[NotedAdapter]:
    return type("NotedAdapter", (NotedAdapter,), {"closed": []})


def test_an_empty_child_stays_by_default(serve, connect):
    adapter = noted_adapter()
    stage = serve(adapter=adapter)
    parent = stage.io.of(ROOM)
    client = connect(stage, "/room-1")
    child = stage.io.find_namespace("/room-1")
    client.disconnect()
    until(lambda: not child.sockets)
    assert stage.io.find_namespace("/room-1") is child
    assert parent.children == {child}
    assert not adapter.closed


def test_an_empty_child_is_dropped_when_that_is_wanted(serve, connect, node):
    adapter = noted_adapter()
    stage = serve(cleanup_empty_child_namespaces=True, adapter=adapter)
    announced = []
    stage.io.on("new_namespace", lambda namespace: announced.append(namespace.name))
    parent = stage.io.of(ROOM)
    parent.event("ask")(lambda socket: socket.nsp.name)
    static = stage.io.of("/static")
    root, other = connect(stage), connect(stage)
    clients = [node.client("/room-1", share=manager) for manager in (root, other)]
    in_static = node.client("/static", share=root)
    for client in (*clients, in_static):
        client.expect_connect()
    child = stage.io.find_namespace("/room-1")

    clients[0].disconnect()
    until(lambda: len(child.sockets) == 1)
    assert stage.io.find_namespace("/room-1") is child
    stage.running.call(lambda: stage.socket(clients[1], "/room-1").disconnect())
    until(lambda: stage.io.find_namespace("/room-1") is None)
    assert not parent.children
    in_static.disconnect()
    until(lambda: not static.sockets)
    assert stage.io.find_namespace("/static") is static
    assert adapter.closed == ["/room-1"]

    clients[0].open()
    clients[0].expect_connect()
    assert clients[0].call("ask") == ["/room-1"]
    assert stage.io.find_namespace("/room-1") is not child
    assert announced == ["/static", "/room-1", "/room-1"]
    assert root.state()["connected"]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_child_whose_only_client_is_refused_is_dropped_when_that_is_wanted(serve, start, kind):
    adapter = noted_adapter()
    stage = serve(cleanup_empty_child_namespaces=True, adapter=adapter)
    parent = stage.io.of(ROOM)

    def refuse(socket):
        raise ConnectionRefused("not today")

    async def refuse_later(socket):
        await asyncio.sleep(0)
        refuse(socket)

    parent.use(refuse if kind == "plain" else refuse_later)
    assert start(stage, "/room-1").expect("connect_error")["message"] == "not today"
    until(lambda: stage.io.find_namespace("/room-1") is None)
    assert not parent.children
    assert adapter.closed == ["/room-1"]


def test_a_child_stays_while_a_client_waits_to_be_let_in(serve, start):
    stage = serve(cleanup_empty_child_namespaces=True)
    decided = stage.running.call(asyncio.Event)

    @stage.io.of(ROOM).use
    async def decide(socket):
        stage.seen.add("asked", who=socket.handshake.auth["who"])
        if socket.handshake.auth["who"] == "patient":
            await decided.wait()
        else:
            raise ConnectionRefused("not you")

    patient = start(stage, "/room-1", auth={"who": "patient"})
    stage.seen.expect("asked", who="patient")
    child = stage.io.find_namespace("/room-1")
    start(stage, "/room-1", auth={"who": "other"}).expect("connect_error")
    assert stage.io.find_namespace("/room-1") is child
    stage.running.call(decided.set)
    patient.expect_connect()
    assert set(child.sockets) == {patient.id}


def test_a_child_of_a_class_may_be_dropped_too(serve, connect):
    class Room(Namespace):
        def on_connection(self, socket):
            self.emit("there are", len(self.sockets))

    stage = serve(cleanup_empty_child_namespaces=True)
    stage.io.of(ROOM, Room)
    for _ in range(2):
        client = connect(stage, "/room-1")
        assert client.expect_event("there are") == [1]
        client.disconnect()
        until(lambda: stage.io.find_namespace("/room-1") is None)
