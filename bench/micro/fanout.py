"""From one emit to many connections. A broadcast is counted once for each connection that it reaches.

Each broadcast is checked in the end: one that reaches nobody needs few instructions.
"""

from __future__ import annotations

import asyncio

from bench.micro.memory import Collector, collectors, new_server, wires
from bench.micro.parsers import PAYLOAD
from bench.micro.workload import Run, rounds

from antiphon import Server
from antiphon.server.fanout import Message, text_frame

__all__ = [
    "broadcast",
    "broadcast_over_websockets",
    "broadcast_to_all_but_one",
    "broadcast_to_room",
    "broadcast_to_room_of_one",
    "frame_message",
    "frame_text",
]

_TEXT = b'42["news","%s"]' % PAYLOAD.encode()
_FRAME = text_frame(_TEXT)
_CLIENTS = 1000
_ROOMS = 10


def frame_text() -> Run:
    def run(count: int) -> None:
        for _ in range(count):
            text_frame(_TEXT)

    return run


def frame_message() -> Run:
    """A packet with an attachment."""
    attachments = (PAYLOAD.encode(),)

    def run(count: int) -> None:
        for _ in range(count):
            Message(_TEXT, attachments).build_frames()

    return run


def broadcast() -> Run:
    """``io.emit`` to 1,000 connections that take what they are given."""
    io, clients = _connected(_CLIENTS)

    def run(count: int) -> None:
        for _ in rounds(count, _CLIENTS):
            io.emit("news", PAYLOAD)
        assert clients[-1].sent[0] == clients[0].sent[0] == _FRAME

    return run


def broadcast_to_room() -> Run:
    """``io.to(room).emit``, to 100 of them."""
    io, clients = _connected(_CLIENTS)
    for number, socket in enumerate(io.sockets.sockets.values()):
        socket.join(f"room-{number % _ROOMS}")

    def run(count: int) -> None:
        for _ in rounds(count, _CLIENTS // _ROOMS):
            io.to("room-7").emit("news", PAYLOAD)
        assert clients[7].sent[0] == _FRAME != clients[8].sent[0]

    return run


def broadcast_to_room_of_one() -> Run:
    """``io.to(room).emit``, to one: what a broadcast needs before it reaches anybody."""
    io, clients = _connected(1)
    next(iter(io.sockets.sockets.values())).join("room")

    def run(count: int) -> None:
        for _ in range(count):
            io.to("room").emit("news", PAYLOAD)
        assert clients[0].sent[0] == _FRAME

    return run


def broadcast_to_all_but_one() -> Run:
    """``socket.broadcast.emit``."""
    io, clients = _connected(_CLIENTS)
    socket = next(iter(io.sockets.sockets.values()))

    def run(count: int) -> None:
        for _ in rounds(count, _CLIENTS):
            socket.broadcast.emit("news", PAYLOAD)
        assert clients[-1].sent[0] == _FRAME != clients[0].sent[0]

    return run


def _connected(count: int) -> tuple[Server, list[Collector]]:
    io = new_server()
    return io, asyncio.run(collectors(io, count))


def broadcast_over_websockets() -> Run:
    """``io.emit`` to 1,000 WebSockets, and the turn of the event loop that writes to each."""
    io = new_server()
    loop = asyncio.new_event_loop()
    clients = loop.run_until_complete(wires(io, _CLIENTS))

    async def emit(count: int) -> None:
        for _ in rounds(count, _CLIENTS):
            io.emit("news", PAYLOAD)
            await asyncio.sleep(0)

    def run(count: int) -> None:
        loop.run_until_complete(emit(count))
        assert clients[-1].sent[0] == clients[0].sent[0] == _FRAME

    return run
