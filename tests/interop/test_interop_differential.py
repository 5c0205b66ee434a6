"""The same script of a client, against our server and against the official one: the client must see the same."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from antiphon import Server, Socket
from interop_driver import NAN, UNDEFINED, Client, Node, typed_array
from reference import official_server

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def register(io: Server, name: str) -> None:  # noqa: C901 - a list of handlers
    """Register what reference_server.mjs does."""
    namespace = io.of(name)

    @namespace.on("connection")
    def connection(socket: Socket) -> None:  # noqa: C901
        socket.emit("welcome", name)

        @socket.on("echo")
        def echo(*args):
            socket.emit("echo", *args)

        @socket.on("ask")
        def ask(*args):
            return args

        @socket.on("nothing")
        def nothing():
            pass

        @socket.on("question")
        def question(*args):
            socket.emit("question", *args, ack=lambda *answer: socket.emit("answered", *answer))

        @socket.on("impatient")
        def impatient():
            socket.timeout(0.02).emit("silence", ack=lambda error, *_: socket.emit("gave up", str(error)))

        @socket.on("join")
        def join(room):
            socket.join(room)
            return sorted(socket.rooms - {socket.id})

        @socket.on("leave")
        def leave(room):
            socket.leave(room)

        @socket.on("to")
        def to(room, *args):
            namespace.to(room).emit("to", *args)

        @socket.on("others")
        def others(*args):
            socket.broadcast.emit("others", *args)

        @socket.on("handshake")
        def handshake():
            known = socket.handshake
            query = {key: value for key, value in known.query.items() if key not in ("t", "sid")}
            return {
                "auth": dict(known.auth),
                "query": query,
                "xdomain": known.xdomain,
                "secure": known.secure,
                "address": known.address,
            }

        @socket.on("burst")
        def burst(count):
            for number in range(count):
                socket.emit("burst", number, bytes([number]))

        @socket.on("kick")
        def kick(close):
            socket.disconnect(close)


def script(node: Node, url: str, transports: list[str]) -> list[Client]:
    """Do everything once, each step to its end."""
    first = node.client(
        url,
        transports=transports,
        auth={"token": ["é", 1]},
        query={"q": "a b&c"},
        answers={"question": "echo"},
    )
    first.expect_connect()
    first.expect_event("welcome")
    if len(transports) == 2:
        first.expect("upgrade")
    second = node.client(url, transports=transports)
    second.expect_connect()
    second.expect_event("welcome")
    if len(transports) == 2:
        second.expect("upgrade")
    clients = [first, second]

    for values in (
        [],
        [None, True, 1.5, -0.0, 1e21, "é☃\u2028👩‍🚀"],
        [NAN, UNDEFINED, {"gone": UNDEFINED}, MOMENT],
        [{"a": [b"one", {"b": [b"two"]}]}, typed_array("Uint8Array", [1, 2])],
        [[], {}, [[]], ""],
        [{"_placeholder": False, "num": 7}],
    ):
        first.emit("echo", *values)
        first.expect_event("echo")
        first.call("ask", *values)
        first.emit("question", *values)
        first.expect_event("answered")
    first.call("nothing")
    first.emit("impatient")
    first.expect_event("gave up")
    first.call("handshake")
    second.call("handshake")
    first.call("nobody listens", timeout=30)

    first.call("join", "left")
    first.call("join", "right")
    second.call("join", "left")
    first.emit("leave", "right")
    second.call("nothing")
    for room in ("left", "right", "nowhere", second.id):
        first.emit("to", room, "from first", b"binary")
        first.call("nothing")
        second.call("nothing")
    first.emit("others", 1)
    second.expect_event("others")
    first.emit("burst", 30)
    first.expect("event", event="burst", args=[29, bytes([29])])

    a = node.client("/a", share=first, auth={"for": "a"})
    a.expect_connect()
    a.expect_event("welcome")
    a.call("ask", b"x")
    a.call("handshake")
    lost = node.client("/unknown", share=first)
    lost.expect("connect_error")
    clients += [a, lost]
    a.emit("kick", False)
    a.expect("disconnect")
    first.call("nothing")
    a.open()
    a.expect_connect()
    a.expect_event("welcome")
    a.disconnect()
    a.expect("disconnect")
    # The official server closes the connection if it reads both packets at once: it handles the second one first.
    first.call("nothing")
    a.open()
    a.expect_connect()
    a.expect_event("welcome")

    first.emit("kick", True)
    first.expect("disconnect")
    a.expect("disconnect")
    second.raw('2["disconnect"]')
    second.expect("disconnect")
    return clients


def trace(client: Client) -> list[dict[str, Any]]:
    """What a client has seen, without what is different each time."""
    entries = []
    for report in client.seen.all:
        if report["report"] in ("ping", "upgrade", "state", "close"):
            continue  # when the upgrade is done is a matter of luck
        entry = {
            key: value for key, value in report.items() if key not in ("id", "session", "transport", "ack", "call")
        }
        if "call" in report:
            entry["acknowledged"] = report["call"] is not None
        entries.append(entry)
    return entries


@pytest.fixture(scope="module")
def official_traces(shared_node):
    """What the clients of the official server see, by transport."""
    found = {}
    with official_server() as url:

        def get(transports):
            key = tuple(transports)
            if key not in found:
                found[key] = [trace(client) for client in script(shared_node, url, transports)]
                shared_node.forget_clients()
            return found[key]

        yield get


@pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids=["polling", "websocket", "upgrade"]
)
def test_a_client_sees_the_same_as_with_the_official_server(stage, node, official_traces, transports):
    for name in ("/", "/a"):
        register(stage.io, name)
    expected = official_traces(transports)
    for client, theirs in zip(script(node, stage.url, transports), expected, strict=True):
        assert trace(client) == theirs
