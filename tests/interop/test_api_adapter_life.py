"""The life of adapters: when they are made, begin and end; how they are exchanged; what they tell about rooms."""

from __future__ import annotations

import asyncio
import gc
import re

import pytest

from antiphon import AckTimeout, Adapter, ConfigurationError, Server, SessionAwareAdapter
from broadcast_helpers import heard, join
from interop_driver import until
from linked_adapter import Link, LinkedAdapter
from support import serving

ONCE = ["init begins", "init ends", "close begins", "close ends"]


def test_an_adapter_begins_and_ends_once_with_its_server(way, node):
    link = Link()
    io = Server(adapter=link.adapter)
    io.of("/before")
    assert link.life == []
    with serving(io, way) as running:
        clients = [node.client(running.url + nsp, transports=["websocket"]) for nsp in ("/", "/before", "/", "/before")]
        for client in clients:
            client.expect_connect()
        running.call(lambda: io.of("/while"))
        until(lambda: len(link.members("/while")) == 1)
        for name in ("/", "/before", "/while"):
            assert link.life_of(name) == ONCE[:2]
    for name in ("/", "/before", "/while"):
        assert link.life_of(name) == ONCE
        assert link.members(name) == []


def test_closing_the_server_waits_for_its_adapters(serve):
    link = Link()
    stage = serve(adapter=link.adapter)
    until(lambda: len(link.members("/")) == 1)
    stage.running.run(stage.io.close())
    assert link.life_of("/") == ONCE
    stage.running.run(stage.io.close())
    assert link.life_of("/") == ONCE


class PlainLife(Adapter):
    """Begins and ends without anything to wait for."""

    def __init__(self, nsp, life):
        super().__init__(nsp)
        self.life = life

    def init(self):
        self.life.append(("init", self.nsp.name, asyncio.get_running_loop()))

    def close(self):
        self.life.append(("close", self.nsp.name, asyncio.get_running_loop()))


def test_beginning_and_ending_may_be_plain_functions(way, node):
    life = []
    io = Server(adapter=lambda nsp: PlainLife(nsp, life))
    with serving(io, way) as running:
        node.client(running.url, transports=["websocket"]).expect_connect()
        assert life == [("init", "/", running.loop)]
    assert life == [("init", "/", running.loop), ("close", "/", running.loop)]


def test_a_namespace_that_is_made_in_a_thread_begins_in_the_event_loop(serve, connect):
    life = []
    stage = serve(adapter=lambda nsp: PlainLife(nsp, life))
    connect(stage)
    stage.io.of("/chat")
    until(lambda: len(life) == 2)
    assert life[1] == ("init", "/chat", stage.running.loop)
    client = connect(stage, "/chat")
    assert heard(stage, client, nsp="/chat") == [[]]


def test_a_namespace_that_is_made_in_a_thread_awaits_its_adapter(serve, connect):
    link = Link()
    stage = serve(adapter=link.adapter)
    connect(stage)
    stage.io.of("/chat")
    until(lambda: link.life_of("/chat") == ONCE[:2])
    connect(stage, "/chat")


def test_a_child_namespace_has_an_adapter_that_ends_with_it(serve, connect):
    link = Link()
    stage = serve(adapter=link.adapter, cleanup_empty_child_namespaces=True)
    stage.io.of(re.compile(r"^/room-\d+$"))
    client = connect(stage, "/room-1")
    until(lambda: link.life_of("/room-1") == ONCE[:2])
    client.disconnect()
    until(lambda: link.life_of("/room-1") == ONCE)


@pytest.mark.parametrize("what", ["init", "close"])
def test_an_adapter_that_fails_is_noted_in_the_log_and_harms_nobody(way, node, caplog, what):
    class Failing(LinkedAdapter):
        pass

    async def fail(self):
        await asyncio.sleep(0)
        raise OSError("no connection to the others")

    setattr(Failing, what, fail)
    link = Link()
    io = Server(adapter=lambda nsp: Failing(nsp, link))
    with serving(io, way) as running:
        client = node.client(running.url, transports=["websocket"])
        client.expect_connect()
        running.call(lambda: io.emit("hello"))
        client.expect_event("hello")
    assert f"{what}() of the adapter of / failed" in caplog.text
    assert "no connection to the others" in caplog.text


def test_servers_that_cannot_be_counted_are_noted_in_the_log(serve, connect, caplog):
    class Uncountable(Adapter):
        async def server_count(self):
            raise OSError("no connection to the others")

    stage = serve(adapter=Uncountable)
    connect(stage, answers={"ask": ["answer"]})
    with pytest.raises(AckTimeout) as caught:
        stage.running.run(stage.io.timeout(1).emit_with_ack("ask"))
    assert caught.value.responses == ["answer"]
    gc.collect()
    assert "no connection to the others" in caplog.text
    assert "never retrieved" not in caplog.text


# Which one


def test_the_option_is_a_class_or_a_function(serve, connect):
    made = []

    def make(nsp):
        made.append(nsp.name)
        return Adapter(nsp)

    for option in (Adapter, SessionAwareAdapter, make):
        stage = serve(adapter=option)
        assert stage.io.adapter() is option
        client = connect(stage)
        stage.running.call(lambda stage=stage: stage.io.emit("hello"))
        client.expect_event("hello")
        if isinstance(option, type):
            assert type(stage.io.sockets.adapter) is option
            assert type(stage.io.of("/chat").adapter) is option
    stage.io.of("/chat")
    assert made == ["/", "/chat"]


def test_the_default_is_the_adapter_in_memory():
    assert Server().adapter() is Adapter
    assert type(Server().of("/chat").adapter) is Adapter
    assert Server(connection_state_recovery=True).adapter() is SessionAwareAdapter


def test_what_makes_no_adapter_is_refused():
    for wrong in ("redis", 1):
        with pytest.raises(ConfigurationError, match="adapter"):
            Server(adapter=wrong)
        with pytest.raises(ConfigurationError, match="adapter"):
            Server().adapter(wrong)


def test_another_adapter_takes_over_before_the_server_runs(serve, connect):
    life = []
    io = Server(adapter=lambda nsp: PlainLife(nsp, life))
    io.of("/chat")
    link = Link()
    assert io.adapter(link.adapter) is io
    assert io.adapter() == link.adapter
    stage = serve(io)
    client = connect(stage, "/chat")
    assert link.life_of("/chat") == link.life_of("/") == ONCE[:2]
    assert life == []
    assert heard(stage, client, nsp="/chat") == [[]]


def test_another_adapter_takes_over_with_all_clients_and_rooms(serve, connect):
    life, link = [], Link()
    stage = serve(adapter=lambda nsp: PlainLife(nsp, life))
    stage.running.call(lambda: stage.io.of("/chat"))
    a, b, inside = connect(stage), connect(stage, answers={"ask": ["b"]}), connect(stage, "/chat")
    join(stage, a, "room")
    join(stage, inside, "room", nsp="/chat")
    old = stage.io.sockets.adapter
    assert [what for what, _, _ in life] == ["init", "init"]

    def exchange():
        stage.io.adapter(link.adapter)
        stage.io.to("room").emit("to the room")
        stage.io.of("/chat").to("room").emit("to the room")
        stage.socket(a).leave("room")
        stage.socket(b).join("room")
        stage.io.to("room").emit("to the room now")

    stage.running.call(exchange)
    assert heard(stage, a, b) == [["to the room"], ["to the room now"]]
    assert heard(stage, inside, nsp="/chat") == [["to the room"]]
    assert stage.running.run(stage.io.to("room").emit_with_ack("ask")) == ["b"]
    assert isinstance(stage.io.sockets.adapter, LinkedAdapter)
    assert isinstance(stage.io.of("/chat").adapter, LinkedAdapter)
    until(lambda: link.life_of("/") == link.life_of("/chat") == ONCE[:2])
    assert sorted(name for what, name, _ in life if what == "close") == ["/", "/chat"]
    assert stage.io.sockets.adapter.rooms == {a.id: {a.id}, b.id: {b.id}, "room": {b.id}}
    assert stage.io.sockets.adapter is not old
    gone = a.id
    a.disconnect()
    until(lambda: gone not in stage.io.sockets.adapter.sids)
    # Namespaces that are made later have it too.
    assert isinstance(stage.running.call(lambda: stage.io.of("/later")).adapter, LinkedAdapter)


def test_a_server_joins_others_by_exchanging_its_adapter(serve, connect):
    link = Link()
    one, other = serve(ack_timeout=0.2), serve(adapter=link.adapter)
    here, there = connect(one), connect(other)
    with pytest.raises(AckTimeout):
        one.running.run(one.io.emit_with_ack("alone"))
    one.running.call(lambda: one.io.adapter(link.adapter))
    until(lambda: len(link.members("/")) == 2)
    one.running.call(lambda: one.io.emit("together"))
    assert heard(one, here, there) == [["alone", "together"], ["together"]]


# What it tells about rooms


@pytest.fixture
def room_events(stage):
    """What the adapter of the main namespace tells, as a list."""
    told = []
    adapter = stage.io.sockets.adapter
    for event in ("create-room", "delete-room", "join-room", "leave-room"):
        adapter.on(event)(lambda *args, event=event: told.append((event, *args)))
    return told


def test_an_adapter_tells_who_joins_and_leaves(stage, connect, room_events):
    a, b = connect(stage), connect(stage)
    first, second = a.id, b.id
    assert room_events == [
        ("create-room", first), ("join-room", first, first), ("create-room", second), ("join-room", second, second),
    ]  # fmt: skip
    room_events.clear()

    def act():
        stage.socket(a).join("room")
        stage.socket(a).join("room")
        stage.socket(b).join("room")
        stage.socket(b).leave("unknown")
        stage.socket(a).leave("room")
        stage.socket(a).leave("room")
        stage.io.sockets_leave("room")

    stage.running.call(act)
    assert room_events == [
        ("create-room", "room"),
        ("join-room", "room", first),
        ("join-room", "room", second),
        ("leave-room", "room", first),
        ("leave-room", "room", second),
        ("delete-room", "room"),
    ]


def test_an_adapter_tells_when_a_client_goes(stage, connect, room_events):
    client, other = connect(stage), connect(stage)
    gone = client.id
    join(stage, client, "alone", "both")
    join(stage, other, "both")
    room_events.clear()
    client.disconnect()
    until(lambda: len(room_events) == 5)
    left = {("leave-room", room, gone) for room in (gone, "alone", "both")}
    assert set(room_events) == {*left, ("delete-room", gone), ("delete-room", "alone")}
    # A room is left before it is gone.
    assert room_events.index(("leave-room", "alone", gone)) < room_events.index(("delete-room", "alone"))


def test_an_adapter_tells_of_what_is_done_to_many_and_in_threads(stage, connect, room_events):
    clients = [connect(stage) for _ in range(2)]
    room_events.clear()
    stage.io.sockets_join("room")
    stage.io.close_room("room")
    heard(stage, *clients)
    assert room_events[0] == ("create-room", "room")
    assert room_events[-1] == ("delete-room", "room")
    ids = {client.id for client in clients}
    for event in ("join-room", "leave-room"):
        assert {args[2] for args in room_events if args[0] == event} == ids
    assert len(room_events) == 6


def test_each_namespace_tells_of_its_own_rooms(stage, connect, room_events):
    told = []
    stage.io.of("/chat").adapter.on("create-room")(told.append)
    client = connect(stage, "/chat")
    stage.running.call(lambda: stage.io.of("/chat").sockets_join("room"))
    assert told == [client.id, "room"]
    assert room_events == []


def test_a_listener_that_fails_harms_neither_the_rooms_nor_other_listeners(stage, connect, caplog):
    told = []
    adapter = stage.io.sockets.adapter

    @adapter.on("join-room")
    def fail(room, sid):
        raise ValueError("broken on purpose")

    adapter.on("join-room")(lambda room, sid: told.append(room))
    client = connect(stage)
    join(stage, client, "room")
    assert told == [client.id, "room"]
    assert stage.io.sockets.rooms["room"] == {client.id}
    assert "broken on purpose" in caplog.text


def test_a_listener_is_dropped(stage, connect):
    told = []
    adapter = stage.io.sockets.adapter
    client = connect(stage)

    def first(room):
        told.append(("first", room))

    adapter.on("create-room")(first)
    adapter.on("create-room")(lambda room: told.append(("second", room)))
    join(stage, client, "a")
    adapter.off("create-room", first)
    join(stage, client, "b")
    adapter.off("create-room")
    join(stage, client, "c")
    assert told == [("first", "a"), ("second", "a"), ("second", "b")]


def test_an_event_that_no_adapter_has_is_refused(stage):
    with pytest.raises(ConfigurationError, match="create-room, delete-room, join-room, leave-room"):
        stage.io.sockets.adapter.on("joinroom")
