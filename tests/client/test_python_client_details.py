"""What few programs look at: packets, buffers, the engine; and a process that has slept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import antiphon
from antiphon import ManagerState
from antiphon.socketio.packet import Packet, PacketType
from antiphon.types import TransportName
from faces import QUICK, Connect, Face
from hosts import Host, RecordingRelay
from interop_driver import until


async def test_a_manager_is_opened_without_a_socket(host: Host, transport: TransportName) -> None:
    manager = antiphon.Manager(host.url, transports=[transport], auto_connect=False)
    opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    manager.on("open", lambda: opened.set_result(None))
    manager.open()
    assert manager.state is ManagerState.CONNECTING
    # Once is enough.
    manager.open()
    await opened
    assert (manager.state, manager.is_open, manager.transport_name) == (ManagerState.OPEN, True, transport)
    assert manager.engine is not None
    assert (manager.engine.ready_state, bool(manager.engine.id)) == ("open", True)
    socket = await manager.socket("/admin").connect()
    assert await socket.emit_with_ack("ask", 1) == 1
    await socket.disconnect()
    await manager.finish()
    assert manager.state.value == "closed"
    assert manager.engine.ready_state == "closed"


async def test_a_manager_tells_of_packets(host: Host, transport: TransportName) -> None:
    packets: list[Packet] = []
    async with antiphon.Manager(host.url, transports=[transport]).socket("/") as socket:
        socket.io.on("packet", packets.append)
        seen: list[Any] = []
        socket.on("echo", seen.append)
        socket.emit("echo", b"data")
        assert await socket.emit_with_ack("ask", 1) == 1
        assert seen == [b"data"]
    kinds = [packet.type for packet in packets]
    assert kinds[:2] == [PacketType.EVENT, PacketType.ACK]
    assert packets[0].data == ["echo", b"data"]


def test_what_comes_before_the_confirmation_waits_for_it(host: Host, connect: Connect, face: Face) -> None:
    guest = connect(host)
    let_in: list[bool] = []

    def auth() -> dict[str, Any]:
        if not let_in:
            raise ValueError("not yet")
        return {}

    admin = guest.io.socket("/admin", auth=auth)
    admin.note("news")
    face.call(face.begin_to_connect, admin.target)
    admin.expect("connect_error")
    guest.emit("raw", '2/admin,["news",1]')
    guest.emit("raw", '2/admin,["news",2]')
    assert guest.emit_with_ack("ask", 1) == 1
    assert (admin.count("news"), len(admin.core.receive_buffer)) == (0, 2)
    let_in.append(True)
    assert [admin.expect("news"), admin.expect("news")] == [[1], [2]]
    admin.expect("connect")
    order = [report["event"] for report in admin.seen.all]
    assert order[-3:] == ["news", "news", "connect"]


def test_nothing_is_sent_over_a_connection_that_has_died_in_its_sleep(
    hosts: dict[str, Host], relay_to: Callable[[Host], RecordingRelay], connect: Connect, face: Face
) -> None:
    relay = relay_to(hosts["pinging"])
    guest = connect(relay, noting=["echo"])

    def sleep_and_emit() -> None:
        # Nothing runs meanwhile, no timer either.
        time.sleep(1.2)
        guest.core.emit("echo", "kept")
        assert guest.buffered == 1

    relay.hold()
    try:
        (face.call if face.name == "asyncio" else guest.io.portal.call)(sleep_and_emit)
        reason, _ = guest.expect("disconnect")
        assert reason == "ping timeout"
    finally:
        relay.cut()
        relay.resume()
    assert guest.expect("echo") == ["kept"]


def test_an_engine_tells_how_it_stands(host: Host, face: Face) -> None:
    guest = face.connect(host.url, **QUICK)
    guest.use("websocket")
    engine = guest.core.io.engine
    assert engine is not None
    assert engine.transport.name == "websocket"
    assert engine.handshake is not None
    assert (engine.handshake.ping_interval, engine.handshake.ping_timeout) == (25, 20)
    assert engine.max_payload == 1_000_000
    until(lambda: not engine.write_buffer)
    guest.disconnect()
    until(lambda: engine.ready_state == "closed")
