"""How a broadcast is carried: volatile, compressed, and what can be awaited, with the official client."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
from urllib.parse import urlsplit

import pytest

from antiphon import AckTimeout, HTTPCompression, PerMessageDeflate
from broadcast_helpers import heard, join
from interop_driver import TRANSPORTS, node_process, until

BASE = "/socket.io/?EIO=4&transport=polling"
TEXT = "the same again and again " * 4000


def emit_volatile(stage, client):
    """Emit in every volatile way that reaches a client; return the names of the events."""
    socket = stage.socket(client)
    stage.io.volatile.emit("by the server", "text")
    stage.io.of("/").volatile.emit("by the namespace", b"binary")
    stage.io.to(client.id).volatile.emit("to the room")
    stage.io.volatile.to(client.id).emit("to the room, said first")
    socket.volatile.emit("by the socket")
    return ["by the server", "by the namespace", "to the room", "to the room, said first", "by the socket"]


def test_volatile_events_reach_a_client_that_takes_them(stage, connect):
    client, other = connect(stage), connect(stage)
    # A client that polls takes them while its poll waits.
    until(lambda: stage.running.call(lambda: stage.socket(client).conn.writable))
    events = stage.running.call(lambda: emit_volatile(stage, client))
    assert heard(stage, client)[0] == events
    until(lambda: stage.running.call(lambda: stage.socket(client).conn.writable))
    stage.running.call(lambda: stage.socket(other).volatile.broadcast.emit("by another one"))
    client.expect_event("by another one")


@pytest.fixture
def stalled(stage, transport):
    """A client that does not read any more, and what lets it go on."""
    with node_process() as node:
        client = node.client(stage.url, transports=TRANSPORTS[transport])
        client.expect_connect()
        if transport == "upgrade":
            client.expect("upgrade")
        socket = stage.socket(client)
        node.stop()
        try:
            stall(stage, socket)
            yield client, node
        finally:
            node.resume()


def stall(stage, socket):
    """Emit until the client's transport has taken all that it can."""

    def fill():
        if socket.conn.writable:
            # Random, for some servers compress.
            socket.emit("filling", os.urandom(100_000))
        return socket.conn.writable

    async def is_stuck():
        # Between two messages it may look as if it waited.
        for _ in range(20):
            if fill():
                return False
            await asyncio.sleep(0.002)
        return True

    until(lambda: stage.running.run(is_stuck()))


def test_volatile_events_are_dropped_for_a_client_that_does_not_read(stage, connect, stalled):
    client, node = stalled
    reader = connect(stage)
    until(lambda: stage.running.call(lambda: stage.socket(reader).conn.writable))
    events = stage.running.call(lambda: emit_volatile(stage, client))
    stage.running.call(lambda: stage.io.emit("kept"))
    node.resume()
    client.expect_event("kept")
    until(lambda: stage.running.call(lambda: stage.socket(client).conn.writable))
    assert [event for event in heard(stage, client)[0] if event != "filling"] == ["kept"]
    # What is meant for everybody has reached the others.
    assert heard(stage, reader)[0] == [*events[:2], "kept"]
    until(lambda: stage.running.call(lambda: stage.socket(client).conn.writable))
    stage.running.call(lambda: stage.io.volatile.emit("again"))
    client.expect_event("again")


def test_nobody_answers_a_volatile_event_that_was_dropped(stage, connect, stalled):
    client, node = stalled
    reader = connect(stage, answers={"ask": ["answer"]})
    until(lambda: stage.running.call(lambda: stage.socket(reader).conn.writable))
    with pytest.raises(AckTimeout) as caught:
        stage.running.run(stage.io.volatile.timeout(1).emit_with_ack("ask"))
    assert caught.value.responses == ["answer"]
    assert caught.value.missing == {client.id}
    with pytest.raises(AckTimeout):
        stage.running.run(stage.socket(client).volatile.timeout(0.05).emit_with_ack("ask"))
    node.resume()
    stage.running.call(lambda: stage.io.emit("kept"))
    client.expect_event("kept")
    assert client.seen.count("event", event="ask") == 0


def test_a_broadcast_that_is_awaited_waits_for_the_slowest(stage, connect, stalled):
    client, node = stalled
    reader = connect(stage)

    async def emit(selection, event):
        await selection.emit(event)
        return event

    waiting = asyncio.run_coroutine_threadsafe(emit(stage.io, "to all"), stage.running.loop)
    assert stage.running.run(emit(stage.io.except_(client.id), "to the others")) == "to the others"
    assert reader.expect_event("to all") == reader.expect_event("to the others") == []
    assert not waiting.done()
    node.resume()
    assert waiting.result(15) == "to all"
    client.expect_event("to all")


def wire_size(stage, client, emit):
    """Return how many bytes the client reads for what one function emits, its text included."""
    before = client.state()["read"]
    stage.running.call(emit)
    assert client.expect_event("text") == [TEXT]
    return client.state()["read"] - before


@pytest.fixture
def deflating(serve, node):
    """A server that compresses messages, and a client."""
    stage = serve(per_message_deflate=PerMessageDeflate(threshold=1024))
    client = node.client(stage.url, transports=["websocket"], perMessageDeflate=True)
    client.expect_connect()
    join(stage, client, "room")
    return stage, client


UNCOMPRESSED = {
    "server": lambda io, socket: io.compress(False),
    "namespace": lambda io, socket: io.of("/").compress(False),
    "room": lambda io, socket: io.to("room").compress(False),
    "said first": lambda io, socket: io.compress(False).to("room"),
    "socket": lambda io, socket: socket.compress(False),
    "volatile": lambda io, socket: socket.volatile.compress(False),
}


@pytest.mark.parametrize("way", ["fast"])
@pytest.mark.parametrize("kind", UNCOMPRESSED)
def test_a_message_is_not_compressed_if_that_is_not_wanted(deflating, kind):
    stage, client = deflating
    select, socket = UNCOMPRESSED[kind], stage.socket(client)
    assert wire_size(stage, client, lambda: select(stage.io, socket).emit("text", TEXT)) > len(TEXT)
    # The next one is again, and both sides agree about what was sent before.
    for emit in (stage.io.emit, stage.io.compress(True).emit, socket.emit, stage.io.to("room").emit):
        assert wire_size(stage, client, lambda emit=emit: emit("text", TEXT)) < len(TEXT) / 20


@pytest.mark.parametrize("way", ["fast"])
def test_binary_is_not_compressed_either_if_that_is_not_wanted(deflating):
    stage, client = deflating
    data = bytes(100_000)

    def size(emit):
        before = client.state()["read"]
        stage.running.call(lambda: emit("data", data))
        assert client.expect_event("data") == [data]
        return client.state()["read"] - before

    assert size(stage.io.compress(False).emit) > len(data)
    assert size(stage.io.emit) < 2000
    assert size(stage.socket(client).compress(False).emit) > len(data)
    assert size(stage.socket(client).emit) < 2000


@pytest.mark.parametrize("way", ["fast"])
def test_without_the_option_nothing_is_compressed_whatever_is_said(serve, node):
    stage = serve()
    client = node.client(stage.url, transports=["websocket"], perMessageDeflate=True)
    client.expect_connect()
    assert wire_size(stage, client, lambda: stage.io.compress(True).emit("text", TEXT)) > len(TEXT)


class Poller:
    """Polls when the test says so, and accepts compression."""

    def __init__(self, url):
        target = urlsplit(url)
        self._connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
        self._connection.request("GET", BASE)
        self.sid = json.loads(self._connection.getresponse().read()[1:])["sid"]
        self._path = f"{BASE}&sid={self.sid}"
        self._connection.request("POST", self._path, b"40", {"Content-Type": "text/plain;charset=UTF-8"})
        assert self._connection.getresponse().read() == b"ok"
        self.id = re.search(rb'"sid":"([^"]+)"', self.poll()[1])[1].decode()

    def poll(self):
        """Return how the next response is encoded, and its body."""
        self._connection.request("GET", self._path, headers={"Accept-Encoding": "gzip"})
        response = self._connection.getresponse()
        return response.getheader("content-encoding"), response.read()

    def close(self):
        self._connection.close()


@pytest.mark.parametrize("kind", [kind for kind in UNCOMPRESSED if kind != "volatile"])
def test_a_poll_response_is_not_compressed_if_that_is_not_wanted(stage, kind):
    with contextlib.closing(Poller(stage.url)) as poller:
        socket = stage.io.sockets.sockets[poller.id]
        stage.running.call(lambda: socket.join("room"))
        select = UNCOMPRESSED[kind](stage.io, socket)
        stage.running.call(lambda: select.emit("text", TEXT))
        encoding, body = poller.poll()
        assert encoding is None
        assert TEXT.encode() in body
        stage.running.call(lambda: stage.io.emit("text", TEXT))
        encoding, body = poller.poll()
        assert encoding == "gzip"
        assert len(body) < len(TEXT) / 20
        # In one response with others it is: that is all or nothing.
        stage.running.call(lambda: (stage.io.compress(False).emit("text", TEXT), socket.emit("text", TEXT)))
        assert poller.poll()[0] == "gzip"


@pytest.mark.parametrize(
    ("option", "expected"),
    [(False, None), (HTTPCompression(threshold=10**6), None), (HTTPCompression(threshold=1000, level=1), "gzip")],
    ids=["off", "high threshold", "low threshold"],
)
def test_poll_responses_are_compressed_as_the_option_says(serve, option, expected):
    stage = serve(http_compression=option)
    with contextlib.closing(Poller(stage.url)) as poller:
        stage.running.call(lambda: stage.io.compress(True).emit("text", TEXT))
        encoding, body = poller.poll()
        assert encoding == expected
        assert (len(body) > len(TEXT)) is (expected is None)
