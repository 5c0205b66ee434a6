"""Whom a broadcast reaches: the operators of server, namespace and socket, with the official client."""

from __future__ import annotations

import pytest

from antiphon import BroadcastOperator, ConfigurationError, JSONParser, ReservedEventError
from antiphon.socketio.packet import PacketType
from broadcast_helpers import heard, join, target_of
from interop_driver import until

NAMESPACES = {"server": "/", "namespace": "/chat"}


@pytest.fixture(params=NAMESPACES)
def nsp(request):
    """By the server itself, or by a namespace."""
    return NAMESPACES[request.param]


@pytest.fixture
def target(stage, nsp):
    """What broadcasts: the server or the namespace."""
    return target_of(stage, nsp)


def act(stage, *emits):
    """Emit in one turn of the server's loop."""
    stage.running.call(lambda: [emit() for emit in emits])


def test_an_emit_reaches_everyone_of_its_namespace_and_nobody_else(stage, connect, node, target, nsp):
    other = "/chat" if nsp == "/" else "/"
    stage.io.of("/chat")
    here, there = connect(stage, nsp), connect(stage, nsp)
    elsewhere = connect(stage, other)
    both = node.client(other, share=here)
    both.expect_connect()
    act(stage, lambda: target.emit("news", 1, {"two": [3]}, b"four"))
    assert here.expect_event("news") == there.expect_event("news") == [1, {"two": [3]}, b"four"]
    assert heard(stage, elsewhere, both, nsp=other) == [[], []]


def test_rooms_are_given_as_strings_lists_several_or_chained(stage, connect, target, nsp):
    a, b, c = (connect(stage, nsp) for _ in range(3))
    join(stage, a, "a", nsp=nsp)
    join(stage, b, "b", nsp=nsp)
    act(
        stage,
        lambda: target.to("a").emit("to string"),
        lambda: target.in_("a").emit("in string"),
        lambda: target.to(["a", "b"]).emit("to list"),
        lambda: target.in_(("a", "b")).emit("in tuple"),
        lambda: target.to({"b"}).emit("to set"),
        lambda: target.to("a", "b").emit("to several"),
        lambda: target.to("a", ["b"]).emit("to mixed"),
        lambda: target.to("a").to("b").emit("to chained"),
        lambda: target.in_("a").to(["b", "c"]).emit("in chained"),
    )
    union = ["to list", "in tuple", "to several", "to mixed", "to chained", "in chained"]
    assert heard(stage, a, b, c, nsp=nsp) == [
        ["to string", "in string", *union],
        ["to list", "in tuple", "to set", *union[2:]],
        [],
    ]


def test_who_is_in_several_of_the_rooms_gets_it_once(stage, connect, target, nsp):
    client, other = connect(stage, nsp), connect(stage, nsp)
    join(stage, client, "a", "b", "c", nsp=nsp)
    act(
        stage,
        lambda: target.to("a").to(["b", "c"]).emit("union"),
        lambda: target.to("a", "a", client.id).emit("again"),
        lambda: target.to(client.id).to("c").emit("own"),
    )
    assert heard(stage, client, other, nsp=nsp) == [["union", "again", "own"], []]


def test_no_room_is_everyone_and_an_unknown_room_is_nobody(stage, connect, target, nsp):
    a, b = connect(stage, nsp), connect(stage, nsp)
    join(stage, a, "a", nsp=nsp)
    act(
        stage,
        lambda: target.to([]).emit("to nothing"),
        lambda: target.in_().emit("in nothing"),
        lambda: target.except_([]).emit("except nothing"),
        lambda: target.to("unknown").emit("unknown"),
        lambda: target.to(["unknown", "a"]).emit("unknown and a"),
        lambda: target.except_("unknown").emit("except unknown"),
        lambda: target.to("").emit("the room without a name"),
    )
    everyone = ["to nothing", "in nothing", "except nothing"]
    assert heard(stage, a, b, nsp=nsp) == [
        [*everyone, "unknown and a", "except unknown"],
        [*everyone, "except unknown"],
    ]


def test_except_comes_before_or_after_to(stage, connect, target, nsp):
    a, both, b = (connect(stage, nsp) for _ in range(3))
    join(stage, a, "a", nsp=nsp)
    join(stage, both, "a", "b", nsp=nsp)
    join(stage, b, "b", nsp=nsp)
    act(
        stage,
        lambda: target.except_("b").emit("not b"),
        lambda: target.to("a").except_("b").emit("a not b"),
        lambda: target.except_("b").to("a").emit("not b but a"),
        lambda: target.except_(["a", "b"]).emit("nobody"),
        lambda: target.except_("a").except_("b").emit("nobody either"),
        lambda: target.to("a", "b").except_(both.id).emit("not both"),
        lambda: target.except_(a.id, [b.id]).emit("only both"),
        lambda: target.to("a").except_("a").emit("contradiction"),
    )
    assert heard(stage, a, both, b, nsp=nsp) == [
        ["not b", "a not b", "not b but a", "not both"],
        ["only both"],
        ["not both"],
    ]


def test_the_id_of_a_socket_is_a_room(stage, connect, target, nsp):
    a, b = connect(stage, nsp), connect(stage, nsp)
    act(
        stage,
        lambda: target.to(a.id).emit("private"),
        lambda: target.to(a.id, b.id).emit("to two"),
        lambda: target.except_(a.id).emit("except one"),
        lambda: stage.socket(a, nsp).to(b.id).emit("from one to the other"),
        lambda: stage.socket(a, nsp).to(a.id).emit("to itself"),
    )
    assert heard(stage, a, b, nsp=nsp) == [
        ["private", "to two"],
        ["to two", "except one", "from one to the other"],
    ]
    gone = a.id
    a.disconnect()
    until(lambda: gone not in stage.io.of(nsp).sockets)
    act(stage, lambda: target.to(gone).emit("to nobody"), lambda: target.to(b.id).emit("to who stays"))
    assert heard(stage, b, nsp=nsp)[0][-1] == "to who stays"
    assert "to nobody" not in b.seen.events()


def test_a_socket_broadcasts_to_everyone_but_itself(stage, connect, nsp):
    target_of(stage, nsp)
    sender, a, b = (connect(stage, nsp) for _ in range(3))
    join(stage, sender, "a", nsp=nsp)
    join(stage, a, "a", nsp=nsp)
    socket = stage.socket(sender, nsp)
    act(
        stage,
        lambda: socket.broadcast.emit("broadcast"),
        lambda: socket.to("a").emit("to"),
        lambda: socket.in_("a").emit("in"),
        lambda: socket.to(["a", "b"]).to(b.id).emit("chained"),
        lambda: socket.except_("a").emit("except"),
        lambda: socket.except_("a").to(a.id, b.id).emit("except before to"),
        lambda: socket.broadcast.to("a").emit("broadcast to"),
        lambda: socket.to([]).emit("to nothing"),
        lambda: socket.local.emit("local"),
        lambda: socket.compress(False).broadcast.emit("compress"),
        lambda: socket.volatile.to("a").emit("volatile"),
        lambda: socket.timeout(1).except_("a").emit("timeout"),
        lambda: socket.emit("itself"),
        lambda: socket.volatile.emit("itself, volatile"),
    )
    assert heard(stage, sender, a, b, nsp=nsp) == [
        ["itself", "itself, volatile"],
        [
            "broadcast", "to", "in", "chained", "broadcast to", "to nothing", "local", "compress", "volatile",
        ],
        [
            "broadcast", "chained", "except", "except before to", "to nothing", "local", "compress", "timeout",
        ],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["server", "namespace", "socket", "emitter of a socket"])
def test_a_selection_never_changes_what_it_was_made_of(stage, connect, kind):
    sender, a, b = (connect(stage) for _ in range(3))
    join(stage, a, "a")
    join(stage, b, "b")
    socket = stage.socket(sender)
    source = {
        "server": stage.io,
        "namespace": stage.io.of("/"),
        "socket": socket,
        "emitter of a socket": socket.compress(True),
    }[kind]

    def emit():
        base = source.to("a")
        for derived in (base.to("b"), base.in_("b"), base.except_("a"), base.volatile, base.local, base.timeout(1)):
            assert isinstance(derived, BroadcastOperator)
            assert derived is not base
        unlike = base.volatile.compress(False).local.timeout(2)
        assert unlike.flags == (True, False, True, 2)
        assert base.flags == (False, True, False, None)
        base.emit("a")
        base.to("b").emit("a and b")
        base.emit("a again")
        base.except_("a").emit("nobody")
        base.emit("a for the last time")
        (source if kind in ("server", "namespace") else source.broadcast).emit("all")

    stage.running.call(emit)
    to_a = ["a", "a and b", "a again", "a for the last time", "all"]
    own = ["all"] if kind in ("server", "namespace") else []
    assert heard(stage, sender, a, b) == [own, to_a, ["a and b", "all"]]


def test_send_and_write_are_messages(stage, connect, target, nsp):
    sender, other = connect(stage, nsp), connect(stage, nsp)
    join(stage, other, "room", nsp=nsp)
    socket = stage.socket(sender, nsp)
    act(
        stage,
        lambda: target.send("everyone", 1),
        lambda: target.write("everyone", 2),
        lambda: target.to("room").send("room", b"3"),
        lambda: target.to("room").write("room", 4),
        lambda: socket.broadcast.send("others", 5),
        lambda: socket.to("room").write("others", 6),
        lambda: socket.send("one"),
        lambda: socket.compress(False).write("one", {"more": None}),
        target.send,
    )
    heard(stage, sender, other, nsp=nsp)

    def messages(client):
        return [report["args"] for report in client.seen.all if report.get("event") == "message"]

    assert messages(sender) == [["everyone", 1], ["everyone", 2], ["one"], ["one", {"more": None}], []]
    assert messages(other) == [
        ["everyone", 1], ["everyone", 2], ["room", b"3"], ["room", 4], ["others", 5], ["others", 6], [],
    ]  # fmt: skip


class CountingParser(JSONParser):
    """Counts what it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded = []

    def encode_data(self, lead, kind, tail, data):
        if kind is PacketType.EVENT:
            self.encoded.append(data[0])
        return super().encode_data(lead, kind, tail, data)


def test_a_broadcast_is_encoded_once_for_every_transport(way, serve, node):
    parser = CountingParser()
    stage = serve(parser=parser, allow_eio3=True)
    clients = [node.client(stage.url, transports=[name]) for name in ("polling", "websocket")]
    clients += [node.client(stage.url, transports=["polling"], forceBase64=True), node.client(stage.url)]
    clients += [
        node.client(stage.url, version=2, transports=[name], events=["binary", "text"])
        for name in ("polling", "websocket")
    ]
    for client in clients:
        client.expect_connect()
    payload = [{"one": b"\x00\xff" * 500, "two": [b"", "é"]}, b"three"]
    act(stage, lambda: stage.io.emit("binary", *payload), lambda: stage.io.emit("text", "é" * 70_000))
    for client in clients:
        assert client.expect_event("binary") == payload
        assert client.expect_event("text") == ["é" * 70_000]
    assert parser.encoded == ["binary", "text"]


def test_what_is_sent_is_what_it_was_when_it_was_emitted(stage, connect, target, nsp):
    client = connect(stage, nsp)

    def emit():
        data, binary = {"list": [1]}, bytearray(b"then")
        target.emit("before", data, binary)
        data["list"].append(2)
        binary[:] = b"now!"
        target.emit("after", data, binary)

    stage.running.call(emit)
    assert client.expect_event("before") == [{"list": [1]}, b"then"]
    assert client.expect_event("after") == [{"list": [1, 2]}, b"now!"]


def test_a_namespace_with_nobody_in_it_swallows_a_broadcast(stage, connect):
    client = connect(stage)
    empty = stage.io.of("/empty")
    act(stage, lambda: empty.emit("news"), lambda: empty.to("room").emit("news", b"binary"))
    assert heard(stage, client) == [[]]


@pytest.mark.parametrize(
    "name", ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
)
def test_reserved_names_are_refused_whoever_emits(stage, connect, name):
    client = connect(stage)
    socket = stage.socket(client)
    room = stage.io.to("room")
    emits = [stage.io.emit, stage.io.of("/").emit, room.emit, room.volatile.emit, socket.broadcast.emit]
    emits += [socket.emit, socket.volatile.emit, socket.timeout(1).emit]

    def emit():
        for emit in emits:
            with pytest.raises(ReservedEventError, match=f'"{name}" is a reserved event name'):
                emit(name)

    stage.running.call(emit)
    assert heard(stage, client) == [[]]


@pytest.mark.parametrize("room", [1, None, b"room", ["room", 2], [["room"]]], ids=repr)
def test_what_is_no_room_is_refused_at_once(stage, connect, room):
    socket = stage.socket(connect(stage))
    for select in (stage.io.to, stage.io.in_, stage.io.except_, stage.io.to("a").to, socket.to, socket.except_):
        with pytest.raises(ConfigurationError, match="a room is a string"):
            select(room)
