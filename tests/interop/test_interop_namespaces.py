"""Namespaces: several of them over one connection of the official client."""

from __future__ import annotations

import pytest


def test_several_namespaces_share_one_connection(stage, connect, node):
    for name in ("/", "/a", "/b"):
        stage.io.of(name).on("connection", lambda socket: socket.emit("welcome", socket.nsp.name, b"binary"))

        @stage.io.of(name).event("where")
        def where(socket):
            return socket.nsp.name

    root = connect(stage)
    a = node.client("/a", share=root)
    b = node.client("/b", share=root)
    sessions = {root.state()["session"]} | {client.expect_connect()["session"] for client in (a, b)}
    assert len(sessions) == 1 == len(stage.io.engine.sockets)
    assert len({root.id, a.id, b.id} | sessions) == 4
    for client, name in ((root, "/"), (a, "/a"), (b, "/b")):
        assert client.expect_event("welcome") == [name, b"binary"]
        assert client.call("where") == [name]


def test_what_is_emitted_in_a_namespace_stays_there(stage, connect, node):
    root = connect(stage)
    stage.io.of("/a")
    a = node.client("/a", share=root)
    a.expect_connect()

    def act() -> None:
        stage.io.emit("for the root")
        stage.io.of("/a").emit("for a", b"binary")
        stage.io.of("/a").to(root.id).emit("wrong room")
        stage.io.emit("end")
        stage.io.of("/a").emit("end")

    stage.running.call(act)
    root.expect_event("end")
    a.expect_event("end")
    assert [report["event"] for report in root.seen.all if report["report"] == "event"] == ["for the root", "end"]
    assert [report["event"] for report in a.seen.all if report["report"] == "event"] == ["for a", "end"]


def test_a_client_may_join_a_namespace_without_the_root(stage, connect):
    @stage.io.of("/only").event("ask")
    def ask(socket):
        return "here"

    client = connect(stage, "/only")
    assert client.call("ask") == ["here"]
    assert not stage.io.sockets.sockets


def test_an_unknown_namespace_is_refused_and_the_connection_kept(stage, connect, node):
    @stage.io.event("ask")
    def ask(socket):
        return 1

    root = connect(stage)
    lost = node.client("/unknown", share=root)
    error = lost.expect("connect_error")
    assert (error["message"], error["data"]) == ("Invalid namespace", None)
    assert root.call("ask") == [1]
    assert root.seen.count("disconnect") == 0
    assert not lost.state()["connected"]

    stage.io.of("/unknown")
    lost.open()
    lost.expect_connect()


def test_an_unknown_namespace_alone_is_refused(stage, node, transport):
    transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(transport, ["polling", "websocket"])
    client = node.client(stage.url + "/unknown", transports=transports)
    assert client.expect("connect_error")["message"] == "Invalid namespace"


def test_leaving_a_namespace_keeps_the_others(stage, connect, node):
    stage.io.on("connection", stage.watch)
    stage.io.of("/a").on("connection", stage.watch)

    @stage.io.event("ask")
    def ask(socket):
        return 1

    root = connect(stage)
    a = node.client("/a", share=root)
    a.expect_connect()
    a.disconnect()
    assert a.expect("disconnect")["reason"] == "io client disconnect"
    assert stage.seen.expect("disconnect")["nsp"] == "/a"
    assert root.call("ask") == [1]

    first = a.id
    a.open()
    assert a.expect_connect()["id"] != first
    stage.running.call(lambda: stage.socket(a, "/a").disconnect())
    assert a.expect("disconnect")["reason"] == "io server disconnect"
    assert root.call("ask") == [1]
    assert root.seen.count("disconnect") == 0


@pytest.mark.parametrize("name", ["/a/b/c", "/été", "/with space", "/with-dash_1.2~3"])
def test_a_namespace_may_have_an_unusual_name(stage, connect, node, name):
    @stage.io.of(name).event("ask")
    def ask(socket, value):
        socket.emit("told", value, b"binary")
        return socket.nsp.name

    root = connect(stage)
    client = node.client(name, share=root)
    client.expect_connect()
    assert client.call("ask", [b"x"]) == [name]
    assert client.expect_event("told") == [[b"x"], b"binary"]


def test_each_namespace_gets_its_own_auth(stage, connect, node):
    for name in ("/", "/a"):
        stage.io.of(name).on("connection", lambda socket: socket.emit("auth", dict(socket.handshake.auth)))
    root = connect(stage, auth={"token": "one"})
    a = node.client("/a", share=root, auth={"token": "two", "list": [1, None]})
    assert root.expect_event("auth") == [{"token": "one"}]
    assert a.expect_event("auth") == [{"token": "two", "list": [1, None]}]
