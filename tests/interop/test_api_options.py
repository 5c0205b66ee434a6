"""Options of the server that no other test shows with the official client."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

from antiphon import ConnectionRefused, ConnectionStateRecovery, JSONParser
from broadcast_helpers import heard, join
from interop_driver import TRANSPORTS, node_process, until

# Who may connect


@pytest.mark.parametrize("kind", ["plain", "async", "raises"])
def test_allow_request_decides_once_about_each_client(serve, connect, start, kind):
    asked = []

    def decide(request):
        asked.append(request.query.get("token"))
        if kind == "raises" and asked[-1] != "good":
            raise ConnectionRefused("no such token")
        return asked[-1] == "good"

    async def decide_later(request):
        await asyncio.sleep(0)
        return decide(request)

    stage = serve(allow_request=decide_later if kind == "async" else decide)
    client = connect(stage, query={"token": "good"})
    refused = start(stage, query={"token": "bad"})
    assert refused.expect("connect_error")["type"] == "TransportError"
    assert asked == ["good", "bad"]
    assert len(stage.io.engine.sockets) == 1
    assert heard(stage, client) == [[]]


@pytest.mark.parametrize("kind", ["plain", "async", "set later"])
def test_generate_id_makes_the_ids_of_the_sessions(serve, connect, kind):
    def generate(request):
        return f"session-{request.query['name']}"

    async def generate_later(request):
        await asyncio.sleep(0)
        return generate(request)

    if kind == "set later":
        stage = serve()
        stage.io.engine.generate_id = generate
    else:
        stage = serve(generate_id=generate_later if kind == "async" else generate)
    client = connect(stage, query={"name": "one"})
    assert client.state()["session"] == "session-one"
    assert set(stage.io.engine.sockets) == {"session-one"}
    # It is not what others are told.
    assert client.id != "session-one"


def test_websocket_may_be_the_only_transport(serve, node):
    stage = serve(transports=["websocket"])
    client = node.client(stage.url, transports=["websocket"])
    assert client.expect_connect()["transport"] == "websocket"
    for transports in (["polling"], ["polling", "websocket"]):
        refused = node.client(stage.url, transports=transports)
        assert refused.expect("connect_error")["type"] == "TransportError"
    both = node.client(stage.url, transports=["polling", "websocket"], tryAllTransports=True)
    assert both.expect_connect()["transport"] == "websocket"


def test_a_client_that_joins_in_time_may_stay(serve, connect, node):
    stage = serve(connect_timeout=1)
    client = connect(stage)
    # Who comes later and joins nothing is closed later.
    stranger = node.client(stage.url + "/unknown", transports=["websocket"])
    stranger.expect("connect_error")
    until(lambda: len(stage.io.engine.sockets) == 1)
    assert heard(stage, client) == [[]]
    # A namespace that is not the main one will do.
    stage.running.call(lambda: stage.io.of("/chat"))
    inside = connect(stage, "/chat")
    node.client(stage.url + "/unknown", transports=["websocket"]).expect("connect_error")
    until(lambda: len(stage.io.engine.sockets) == 2)
    assert inside.state()["connected"]


# What is sent


def test_an_initial_packet_comes_with_the_handshake(serve, connect):
    stage = serve(initial_packet='2["welcome",{"motd":"é"}]')
    for _ in range(2):
        client = connect(stage)
        assert client.expect_event("welcome") == [{"motd": "é"}]
        assert heard(stage, client) == [["welcome"]]


@dataclasses.dataclass
class Point:
    x: int
    y: bytes


def test_a_parser_may_encode_what_json_does_not_know(serve, connect):
    def encode(value):
        if isinstance(value, Point):
            return {"x": value.x, "y": value.y}
        if isinstance(value, set):
            return sorted(value)
        raise TypeError

    stage = serve(parser=JSONParser(default=encode, max_attachments=3))
    client = connect(stage)

    @stage.io.event("ask")
    def ask(socket, *args):
        return {3, 1, 2}

    assert client.call("ask", b"1", b"2", b"3") == [[1, 2, 3]]
    stage.running.call(lambda: stage.io.emit("all", {2, 1}, {"deep": [{"set": {"a"}}]}))
    assert client.expect_event("all") == [[1, 2], {"deep": [{"set": ["a"]}]}]
    stage.running.call(lambda: stage.io.emit("binary", [{5, 4}], b"x"))
    assert client.expect_event("binary") == [[[4, 5]], b"x"]


# What is taken


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_messages_may_be_limited_more_or_less(serve, connect, kind):
    def message(size):
        return "x" * size if kind == "text" else b"x" * size

    small, large = serve(max_http_buffer_size=2000), serve(max_http_buffer_size=4_000_000)
    for stage in (small, large):
        stage.io.event("size")(lambda socket, data: len(data))
        stage.io.on("connection", stage.watch)
    # Polling carries binary as base64.
    assert connect(large).call("size", message(2_000_000)) == [2_000_000]
    client = connect(small)
    assert client.call("size", message(1400)) == [1400]
    client.emit("size", message(3000))
    client.expect("disconnect")
    assert small.seen.expect("disconnect")["reason"] in ("transport error", "transport close")


def test_a_client_that_polls_divides_what_it_sends_by_the_limit(serve, node):
    stage = serve(max_http_buffer_size=1000)
    numbers = []
    stage.io.event("number")(lambda socket, number: numbers.append(number))
    client = node.client(stage.url, transports=["polling"])
    client.expect_connect()
    client.count("number", 500)
    until(lambda: len(numbers) == 500)
    assert numbers == list(range(500))
    assert client.state()["connected"]


def test_attachments_are_limited(serve, connect):
    stage = serve(max_attachments=2)
    stage.io.on("connection", stage.watch)
    stage.io.event("count")(lambda socket, *args: len(args))
    client = connect(stage)
    assert client.call("count", b"1", b"2") == [2]
    client.emit("count", b"1", b"2", b"3")
    client.expect("disconnect")
    assert stage.seen.expect("disconnect")["reason"] == "forced close"
    many = serve(max_attachments=30)
    many.io.event("count")(lambda socket, *args: len(args))
    # The official client itself takes ten at most.
    assert connect(many).call("count", *[b"x"] * 30) == [30]


def test_a_client_that_does_not_read_is_dropped_at_the_limit(serve, transport):
    stage = serve(max_send_buffer_size=300_000)
    stage.io.on("connection", stage.watch)
    with node_process() as node:
        client = node.client(stage.url, transports=TRANSPORTS[transport])
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        node.stop()
        try:

            def is_dropped():
                stage.running.call(lambda: stage.io.emit("filling", os.urandom(50_000)))
                return stage.seen.count("disconnect")

            until(is_dropped)
        finally:
            node.resume()
        client.expect("disconnect")
    report = stage.seen.expect("disconnect")
    assert report["reason"] == "slow consumer"
    assert "max_send_buffer_size" in report["description"]
    until(lambda: not stage.io.engine.sockets)


# Upgrades


@pytest.mark.parametrize("packets", [[], ["2probe"]], ids=["nothing said", "probe sent"])
def test_an_upgrade_that_is_not_completed_in_time_is_given_up(serve, node, packets):
    stage = serve(upgrade_timeout=1)
    client = node.client(stage.url, transports=["polling"])
    client.expect_connect()
    url = f"{stage.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid={client.state()['session']}"
    with connect_websocket(url, proxy=None) as probe:
        for packet in packets:
            probe.send(packet)
            assert probe.recv(10) == "3probe"
        with pytest.raises(ConnectionClosed):
            probe.recv(10)
    # The client goes on with the transport that it has.
    assert heard(stage, client) == [[]]
    assert client.state()["transport"] == "polling"
    assert stage.socket(client).conn.transport.name == "polling"


def test_an_upgrade_in_time_is_not_given_up(serve, node):
    stage = serve(upgrade_timeout=1.5)
    client = node.client(stage.url)
    client.expect_connect()
    client.expect("upgrade")
    # One that is given up later would have been given up before that one.
    other = node.client(stage.url, transports=["polling"])
    other.expect_connect()
    url = f"{stage.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid={other.state()['session']}"
    with connect_websocket(url, proxy=None) as probe, pytest.raises(ConnectionClosed):
        probe.recv(10)
    assert client.state()["transport"] == "websocket"
    assert heard(stage, client) == [[]]


# Connection state recovery


def cut(stage, *clients):
    """End the connections of clients as if the network had failed."""
    for client in clients:
        stage.running.call(stage.socket(client).conn.close)
        client.expect("disconnect")
    until(lambda: all(client.id not in stage.io.sockets.sockets for client in clients))


@pytest.fixture
def come_back(transport):
    """Connect a client again; returns whether its session goes on."""

    def come_back(client):
        client.open()
        recovered = client.expect_connect()["recovered"]
        if transport == "upgrade":
            client.expect("upgrade")
        return recovered

    return come_back


@pytest.mark.parametrize("option", [True, ConnectionStateRecovery()], ids=["true", "defaults"])
def test_a_client_comes_back_to_its_session(serve, connect, come_back, option):
    stage = serve(connection_state_recovery=option)
    client, other = connect(stage), connect(stage)
    before = client.id
    join(stage, client, "room")
    stage.running.call(lambda: stage.socket(client).data.update(name="Anna"))
    stage.running.call(lambda: stage.io.emit("seen"))
    client.expect_event("seen")
    cut(stage, client)
    stage.running.call(lambda: (stage.io.to("room").emit("missed", b"binary"), stage.io.to("other").emit("not its")))
    assert come_back(client)
    assert client.id == before
    assert client.expect_event("missed")[0] == b"binary"
    socket = stage.socket(client)
    assert socket.recovered
    assert socket.recovery_failure is None
    assert socket.rooms == {before, "room"}
    assert socket.data == {"name": "Anna"}
    assert not stage.socket(other).recovered
    assert "not its" not in heard(stage, client)[0]


def test_without_the_option_nothing_is_recovered(serve, connect, come_back):
    stage = serve()
    client = connect(stage)
    before = client.id
    cut(stage, client)
    assert not come_back(client)
    assert client.id != before
    assert not stage.socket(client).recovered


def test_a_client_that_was_away_for_too_long_begins_anew(serve, connect, come_back):
    stage = serve(connection_state_recovery=ConnectionStateRecovery(max_disconnection_duration=0.05))
    client = connect(stage)
    before = client.id
    cut(stage, client)
    later = time.monotonic() + 0.1
    until(lambda: time.monotonic() > later)
    assert not come_back(client)
    assert client.id != before
    assert stage.socket(client).recovery_failure in ("session expired", "unknown session")


@pytest.mark.parametrize("skip", [True, False])
def test_middlewares_are_skipped_or_not_when_a_client_comes_back(serve, connect, come_back, skip):
    stage = serve(connection_state_recovery=ConnectionStateRecovery(skip_middlewares=skip))
    asked = []

    @stage.io.use
    def ask(socket):
        asked.append(socket.recovered)

    client, other = connect(stage), connect(stage)
    cut(stage, client)
    assert come_back(client)
    assert asked == [False, False] + [True] * (not skip)
    # Who begins anew is always asked.
    stage.running.call(lambda: stage.socket(other).disconnect())
    other.expect("disconnect")
    assert not come_back(other)
    assert asked == [False, False] + [True] * (not skip) + [False]


def test_a_client_that_missed_more_than_is_kept_begins_anew(serve, connect, come_back):
    stage = serve(connection_state_recovery=ConnectionStateRecovery(max_buffer_size=10_000))
    client = connect(stage)
    cut(stage, client)
    stage.running.call(lambda: stage.io.emit("news", "x" * 5000))
    assert come_back(client)
    assert client.expect_event("news")[0] == "x" * 5000
    cut(stage, client)
    stage.running.call(lambda: [stage.io.emit("news", "x" * 5000) for _ in range(3)])
    assert not come_back(client)
    assert stage.socket(client).recovery_failure == "missed too much"


def test_so_many_sessions_are_kept_and_no_more(serve, connect, come_back):
    stage = serve(connection_state_recovery=ConnectionStateRecovery(max_sessions=2))
    clients = [connect(stage) for _ in range(3)]
    cut(stage, *clients)
    assert [come_back(client) for client in clients] == [False, True, True]
    assert stage.socket(clients[0]).recovery_failure == "unknown session"
