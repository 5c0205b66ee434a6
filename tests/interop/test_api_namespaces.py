"""Namespaces by name: what is registered at one, what it tells of itself, and what fails there.

Source: server-api.md, "Server" and "Namespace".
"""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Adapter, ConfigurationError, Namespace, Server
from interop_driver import until


class NotedAdapter(Adapter):
    """An adapter that tells of its life."""

    def __init__(self, nsp: Namespace) -> None:
        super().__init__(nsp)
        self.told: list[str] = []

    def init(self) -> None:
        self.told.append("init")

    def close(self) -> None:
        self.told.append("close")


def test_the_slash_of_a_name_may_be_left_out(stage, connect):
    assert stage.io.of("admin") is stage.io.of("/admin")
    assert stage.io.of("admin").name == "/admin"
    assert stage.io.of("") is stage.io.of("/") is stage.io.sockets
    stage.io.of("admin").on("connection", lambda socket: socket.emit("you are in", socket.nsp.name))
    assert connect(stage, "/admin").expect_event("you are in") == ["/admin"]


def test_a_name_that_the_protocol_cannot_carry_is_refused(stage):
    with pytest.raises(ConfigurationError, match="comma"):
        stage.io.of("/a,b")


def test_a_handler_of_connections_may_be_given_with_the_name(stage, connect):
    namespace = stage.io.of("/a", lambda socket: socket.emit("hello", socket.nsp.name))
    stage.io.of("/a", lambda socket: socket.emit("and again"))
    assert namespace is stage.io.of("/a")
    client = connect(stage, "/a")
    assert client.expect_event("hello") == ["/a"]
    client.expect_event("and again")
    assert client.seen.events() == ["hello", "and again"]


def test_what_is_said_to_the_server_is_said_to_the_main_namespace(stage, connect, node):
    stage.io.sockets.on("connection", lambda socket: socket.emit("by sockets"))
    stage.io.of("/").on("connection", lambda socket: socket.emit("by name"))
    stage.io.on("connection", lambda socket: socket.emit("by the server"))
    stage.io.of("/a")
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()

    def emit() -> None:
        stage.io.emit("all", 1)
        stage.io.sockets.emit("all", 2)
        stage.io.send("text")
        stage.io.write("more")
        stage.io.of("/a").emit("end")

    stage.running.call(emit)
    a.expect_event("end")
    assert root.expect_event("all") == [1]
    assert root.expect_event("all") == [2]
    assert root.expect_event("message") == ["text"]
    assert root.expect_event("message") == ["more"]
    assert root.seen.events()[:3] == ["by sockets", "by name", "by the server"]
    assert a.seen.events() == ["end"]


def test_connect_and_connection_are_both_told_in_every_namespace(stage, connect, node):
    told = []
    for name in ("/", "/a"):
        for event in ("connection", "connect"):

            @stage.io.of(name).on(event)
            def connected(socket, event=event):
                told.append((socket.nsp.name, event, socket.connected))
                socket.emit("told")

    root = connect(stage)
    a = node.client("/a", share=root)
    for client in (root, a):
        client.expect_event("told")
        client.expect_event("told")
    assert told == [(name, event, True) for name in ("/", "/a") for event in ("connect", "connection")]


def test_a_handler_of_one_connection_only_is_not_told_of_the_next(stage, connect):
    stage.io.of("/a").once("connection", lambda socket: socket.emit("you are the first"))
    stage.io.of("/a").on("connection", lambda socket: socket.emit("hello"))
    first, second = connect(stage, "/a"), connect(stage, "/a")
    first.expect_event("hello")
    second.expect_event("hello")
    assert (first.seen.events(), second.seen.events()) == (["you are the first", "hello"], ["hello"])


def test_handlers_that_were_dropped_are_not_called(stage, connect):
    def dropped(socket, *args):
        socket.emit("dropped")

    a, b = stage.io.of("/a"), stage.io.of("/b")
    for namespace in (a, b):
        namespace.on("connection", dropped)
        namespace.event("ask")(dropped)
        namespace.event("tell")(dropped)
        namespace.on("connection", lambda socket: socket.emit("hello"))
    a.off("connection", dropped)
    a.off("ask", dropped)
    a.remove_all_listeners("tell")
    b.remove_all_listeners()
    for namespace in (a, b):
        namespace.event("end")(lambda socket: "end")
    for name, expected in (("/a", ["hello"]), ("/b", [])):
        client = connect(stage, name)
        client.emit("ask")
        client.emit("tell")
        assert client.call("end") == ["end"]
        assert client.seen.events() == expected


def test_a_new_namespace_is_announced_but_not_the_main_one(stage, connect):
    announced = []
    stage.io.on("new_namespace", announced.append)
    a = stage.io.of("/a")
    stage.io.of("/a")
    stage.io.of("/")
    stage.io.of("b")
    connect(stage)
    connect(stage, "/a")
    assert [namespace.name for namespace in announced] == ["/a", "/b"]
    assert announced[0] is a


def test_a_namespace_tells_its_name_its_server_and_who_is_in_it(stage, connect, node):
    namespace = stage.io.of("/a")
    assert namespace.name == "/a"
    assert namespace.server is stage.io
    assert isinstance(namespace.adapter, Adapter)
    assert namespace.adapter is not stage.io.sockets.adapter
    assert namespace.adapter.nsp is namespace
    root = connect(stage)
    assert not namespace.sockets
    a, second = node.client("/a", share=root), connect(stage, "/a")
    a.expect_connect()
    assert set(namespace.sockets) == {a.id, second.id}
    assert set(stage.io.sockets.sockets) == {root.id}
    assert namespace.sockets[a.id].id == a.id
    assert namespace.sockets[a.id].nsp is namespace
    a.disconnect()
    until(lambda: set(namespace.sockets) == {second.id})


def test_the_handler_of_an_asterisk_gets_events_that_have_no_other(stage, connect):
    namespace = stage.io.of("/a")

    @namespace.event("*")
    def anything(socket, event, *args):
        stage.seen.add("anything", event=event)
        socket.emit("of the namespace", event, *args)
        return "nobody else"

    @namespace.event("known")
    def known(socket, *args):
        return "known"

    @namespace.on("connection")
    def connection(socket):
        socket.on("*", lambda event, *args: socket.emit("of the socket", event, *args))
        socket.on("own", lambda *args: "own")

    client = connect(stage, "/a")
    assert client.call("known", 1) == ["known"]
    assert client.call("own", 1) == ["own"]
    assert client.call("unknown", 1, b"binary") == ["nobody else"]
    assert client.expect_event("of the namespace") == ["unknown", 1, b"binary"]
    assert client.expect_event("of the socket") == ["unknown", 1, b"binary"]
    assert client.seen.events() == ["of the namespace", "of the socket"]
    client.disconnect()
    until(lambda: not namespace.sockets)
    assert stage.seen.count("anything") == 1


def test_handlers_of_a_namespace_come_before_those_of_the_socket(stage, connect):
    told = []
    stage.io.of("/a").event("say")(lambda socket, text: told.append(("namespace", text)))

    @stage.io.of("/a").on("connection")
    def connection(socket):
        socket.on("say", lambda text: told.append(("socket", text)))
        socket.on("say", lambda text: "done")

    assert connect(stage, "/a").call("say", "x") == ["done"]
    assert told == [("namespace", "x"), ("socket", "x")]


def test_disconnections_are_told_to_the_handlers_of_a_namespace(stage, connect):
    for event in ("disconnecting", "disconnect"):

        @stage.io.of("/a").event(event)
        def told(socket, reason, description, event=event):
            stage.seen.add(event, reason=reason, rooms=set(socket.rooms), id=socket.id)

    client = connect(stage, "/a")
    client.disconnect()
    report = stage.seen.expect("disconnecting", id=client.id)
    assert (report["reason"], report["rooms"]) == ("client namespace disconnect", {client.id})
    report = stage.seen.expect("disconnect", id=client.id)
    assert (report["reason"], report["rooms"]) == ("client namespace disconnect", set())


# Adapters


def test_each_namespace_has_an_adapter_of_its_own(serve, connect):
    stage = serve(adapter=NotedAdapter)
    assert stage.io.adapter() is NotedAdapter
    namespace = stage.running.call(lambda: stage.io.of("/a"))
    client = connect(stage, "/a")
    adapters = [stage.io.sockets.adapter, namespace.adapter]
    assert [adapter.nsp.name for adapter in adapters] == ["/", "/a"]
    assert [adapter.told for adapter in adapters] == [["init"], ["init"]]
    assert set(namespace.adapter.sids) == {client.id}
    assert namespace.adapter.socket_rooms(client.id) == {client.id}
    stage.running.run(stage.io.close())
    assert [adapter.told for adapter in adapters] == [["init", "close"]] * 2


def test_a_namespace_may_be_made_in_a_thread_while_the_server_runs(serve, connect):
    told = []

    class SlowAdapter(Adapter):
        async def init(self):
            await asyncio.sleep(0)
            told.append(f"init {self.nsp.name}")

    stage = serve(adapter=SlowAdapter)
    connect(stage)

    @stage.io.on("new_namespace")
    async def new_namespace(namespace):
        await asyncio.sleep(0)
        told.append(f"new {namespace.name}")

    stage.io.of("/a").on("connection", lambda socket: socket.emit("welcome"))
    connect(stage, "/a").expect_event("welcome")
    until(lambda: {*told} == {"init /", "init /a", "new /a"}, 5)


def test_the_adapter_may_be_set_while_sockets_are_connected(serve, connect):
    stage = serve()
    assert stage.io.adapter() is Adapter
    stage.running.call(lambda: stage.io.of("/a"))
    inside, outside = connect(stage, "/a"), connect(stage, "/a")
    stage.running.call(lambda: stage.socket(inside, "/a").join("room"))

    def change() -> object:
        changed = stage.io.adapter(NotedAdapter)
        stage.io.of("/a").to("room").emit("still there")
        stage.io.of("/a").emit("end")
        return changed

    assert stage.running.call(change) is stage.io
    inside.expect_event("end")
    outside.expect_event("end")
    assert (inside.seen.events(), outside.seen.events()) == (["still there", "end"], ["end"])
    adapters = [stage.io.of(name).adapter for name in ("/", "/a")]
    assert [adapter.told for adapter in adapters] == [["init"]] * 2
    assert isinstance(stage.running.call(lambda: stage.io.of("/later")).adapter, NotedAdapter)
    stage.running.call(lambda: stage.io.adapter(Adapter))
    assert [adapter.told for adapter in adapters] == [["init", "close"]] * 2


def test_an_adapter_that_is_none_is_refused(stage):
    with pytest.raises(ConfigurationError, match="Adapter"):
        stage.io.adapter("redis")


# What handlers raise


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_handlers_raise_is_given_to_the_exception_handler(stage, connect, kind):
    def note(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket and socket.id)

    async def note_later(error, event, socket):
        await asyncio.sleep(0)
        note(error, event, socket)

    hook = note if kind == "plain" else note_later
    assert stage.io.exception_handler(hook) is hook

    @stage.io.of("/a").on("connection")
    def connection(socket):
        raise ValueError("on connection")

    @stage.io.of("/a").event("plain")
    def plain(socket):
        raise ValueError("plain")

    @stage.io.of("/a").event("later")
    async def later(socket):
        await asyncio.sleep(0)
        raise ValueError("later")

    @stage.io.of("/a").event("blocking", thread=True)
    def blocking(socket):
        raise ValueError("blocking")

    @stage.io.on("new_namespace")
    def new_namespace(namespace):
        raise ValueError("new")

    client = connect(stage, "/a")
    for event in ("plain", "later", "blocking"):
        client.emit(event)
        stage.seen.expect("failed", error=event, event=event, id=client.id)
    stage.seen.expect("failed", error="on connection", event="connection", id=client.id)
    stage.running.call(lambda: stage.io.of("/b"))
    stage.seen.expect("failed", error="new", event="new_namespace", id=None)
    assert client.state()["connected"]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_an_exception_handler_that_fails_harms_nobody(stage, connect, kind, caplog):
    def fail(error, event, socket):
        raise RuntimeError("the hook is broken")

    async def fail_later(error, event, socket):
        await asyncio.sleep(0)
        raise RuntimeError("the hook is broken")

    stage.io.exception_handler(fail if kind == "plain" else fail_later)

    @stage.io.event("fail")
    def failing(socket):
        raise ValueError("broken on purpose")

    stage.io.event("ask")(lambda socket: "answer")
    client = connect(stage)
    client.emit("fail")
    assert client.call("ask") == ["answer"]
    until(lambda: "the exception handler itself failed" in caplog.text)
    assert "broken on purpose" in caplog.text


def test_an_exception_handler_that_is_none_is_refused(stage):
    with pytest.raises(ConfigurationError, match="exception handler"):
        stage.io.exception_handler("log it")


def test_the_engine_counts_connections_and_namespaces_count_sockets(stage, connect, node):
    stage.io.of("/a")
    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()
    connect(stage, "/a")
    assert stage.io.engine.clients_count == 2
    assert (len(stage.io.sockets.sockets), len(stage.io.of("/a").sockets)) == (1, 2)


def test_a_server_may_be_given_options_of_which_a_misspelt_one_is_refused():
    assert Server(connect_timeout=1).options.connect_timeout == 1
    with pytest.raises(ConfigurationError, match="did you mean connect_timeout"):
        Server(connectTimeout=1)
