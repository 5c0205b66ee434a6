"""Listeners of an Engine.IO session over its whole life: across an upgrade, dropped, and registered again.

Source: server-api.md, "socket.conn".
"""

from __future__ import annotations

import pytest

from antiphon.engineio.packet import PacketType
from interop_driver import until


def texts(packets) -> list[bytes]:
    return [packet.data for packet in packets if packet.type is PacketType.MESSAGE]


def test_listeners_see_each_packet_once_and_in_order_across_an_upgrade(stage, start):
    sent, received = [], []

    @stage.io.on("connection")
    def connection(socket):
        socket.conn.on("packet_create", sent.append)
        socket.conn.on("packet", received.append)

    stage.io.event("echo")(lambda socket, number: socket.emit("back", number))
    client = start(stage)
    client.count("echo", 300, each=3)
    until(lambda: client.seen.count("event", event="back") == 300)
    assert texts(received) == [b'2["echo",%d]' % number for number in range(300)]
    assert texts(sent) == [b'2["back",%d]' % number for number in range(300)]


def test_a_packet_with_attachments_is_several_packets_of_the_session(stage, connect):
    sent, received = [], []
    stage.io.event("echo")(lambda socket, *args: args)
    client = connect(stage)
    conn = stage.socket(client).conn
    stage.running.call(lambda: (conn.on("packet_create", sent.append), conn.on("packet", received.append)))
    assert client.call("echo", b"binary") == [b"binary"]
    assert texts(received) == [b'51-0["echo",{"_placeholder":true,"num":0}]', b"binary"]
    assert texts(sent) == [b'61-0[{"_placeholder":true,"num":0}]', b"binary"]
    assert [packet.binary for packet in received if packet.type is PacketType.MESSAGE] == [False, True]


@pytest.mark.parametrize("event", ["packet", "packet_create"])
def test_a_listener_that_comes_back_is_called_once_for_each_packet(stage, connect, event):
    stage.io.event("echo")(lambda socket, *args: args)
    client = connect(stage)
    conn = stage.socket(client).conn
    packets = []
    for _ in range(3):
        stage.running.call(lambda: conn.on(event, packets.append))
        stage.running.call(lambda: conn.off(event, packets.append))
    stage.running.call(lambda: conn.on(event, packets.append))
    assert client.call("echo", 1) == [1]
    assert texts(packets) == [b'20["echo",1]' if event == "packet" else b"30[1]"]


@pytest.mark.parametrize("how", ["client", "server"])
def test_a_session_tells_who_ended_it(stage, connect, how):
    client = connect(stage)
    conn = stage.socket(client).conn
    ends = []
    stage.running.call(lambda: conn.on("close", lambda reason, description: ends.append((reason, description))))
    if how == "client":
        client.close_manager()
    else:
        stage.running.call(conn.close)
    until(lambda: ends)
    assert ends == [("transport close" if how == "client" else "forced close", None)]
