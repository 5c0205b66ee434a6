"""A server and its clients in one process, with nothing between them: what is measured is all ours.

Two transports take the place of the network. ``Collector`` stands where a WebSocket connection stands, and keeps what
it is given. ``Wire`` stands below picows: what the server reads and writes are bytes of WebSocket frames.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any

from antiphon import Server
from antiphon.engineio.packet import WirePacket
from antiphon.server.engine_socket import CLOSED
from antiphon.server.fanout import Flusher, Message
from antiphon.server.request import Request
from antiphon.server.transport import Owner, Transport
from antiphon.types import TransportName
from antiphon.uvicorn._picows_connection import PicowsConnection, upgrade

__all__ = ["Collector", "Wire", "collectors", "masked_frame", "new_server", "wires"]

_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
_FOREVER = 3600.0


def new_server(**options: Any) -> Server:
    """Make a server without heartbeats: a ping in the middle of a measurement would be counted."""
    return Server(ping_interval=_FOREVER, ping_timeout=_FOREVER, connect_timeout=_FOREVER, **options)


class Collector(Transport):
    """A transport that keeps the latest that it was given, and does nothing with it."""

    __slots__ = ("close_code", "owner", "sent")

    name: TransportName = "websocket"

    def __init__(self) -> None:
        self.owner: Owner = CLOSED
        self.close_code: int | None = None
        self.sent: deque[bytes] = deque(maxlen=1)

    def send_text(self, data: bytes) -> None:
        self.sent.append(data)

    def send_message(self, message: Message) -> None:
        self.sent.append(message.frames or message.build_frames())

    def send_packets(self, packets: list[WirePacket]) -> None:
        raise NotImplementedError("packets are sent together after an upgrade, and there is none here")

    def close(self) -> bool:
        return True

    def discard(self) -> None:
        self.close()

    def drained(self) -> None:
        return None


class Wire(asyncio.Transport):
    """The transport of asyncio that picows reads from and writes to, and the client at its other end."""

    _socket = socket.socket()
    """picows sets options of it when a connection is made, and does not touch it again."""

    def __init__(self) -> None:
        super().__init__({"socket": self._socket})
        self.sent: deque[bytes] = deque(maxlen=1)
        # Not a method: what stands in for the network is not to be measured.
        self.write = self.sent.append  # type: ignore[method-assign]

    def attach(self, protocol: asyncio.BufferedProtocol) -> None:
        """Give what the client sends to this protocol."""
        self._buffer = protocol.get_buffer
        self._updated = protocol.buffer_updated

    def receive(self, frame: bytes) -> None:
        """Take bytes of the client, as an event loop does."""
        length = len(frame)
        self._buffer(-1)[:length] = frame
        self._updated(length)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


async def collectors(io: Server, count: int, nsp: str = "/") -> list[Collector]:
    """Connect clients that have joined a namespace."""
    transports = [Collector() for _ in range(count)]
    for transport in transports:
        io.engine.attach(await io.engine.admit(_handshake()), transport)
        _join(transport.owner, nsp)
    return transports


async def wires(io: Server, count: int, nsp: str = "/") -> list[Wire]:
    """Do the same with clients that speak WebSocket."""
    clients = [Wire() for _ in range(count)]
    # It writes to all in one turn, however long that takes: else the instructions would depend on the time.
    flusher = Flusher(asyncio.get_running_loop(), _stand_still)
    for wire in clients:
        connection = PicowsConnection(
            protocol=4,
            flusher=flusher,
            max_message_size=int(io.options.max_http_buffer_size),
            max_unsent_size=int(io.options.max_send_buffer_size),
            on_lost=_ignore,
            on_shutdown=io.begin_close,
        )
        protocol = upgrade(wire, connection, _KEY, {}, int(io.options.max_http_buffer_size))
        wire.attach(protocol)
        io.engine.attach(await io.engine.admit(_handshake()), connection)
        _join(connection.owner, nsp)
    # The answers to the handshakes are written at the end of this turn.
    await asyncio.sleep(0)
    return clients


def masked_frame(data: bytes, *, binary: bool = False) -> bytes:
    """Build the WebSocket frame in which a client sends a short message. Source: RFC 6455, section 5.2."""
    mask = b"\x11\x22\x33\x44"
    payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    assert len(data) < 126
    return bytes((0x82 if binary else 0x81, 0x80 + len(data))) + mask + payload


def _handshake() -> Request:
    return Request(
        method="GET",
        path="/socket.io/",
        query_string=b"EIO=4&transport=websocket",
        raw_headers=b"host: localhost",
        client=("127.0.0.1", 1),
        secure=False,
        upgrade=True,
    )


def _join(owner: Owner, nsp: str) -> None:
    owner.receive_text(b"40" if nsp == "/" else b"40%s," % nsp.encode())


def _ignore(_connection: object) -> None: ...


def _stand_still() -> float:
    return 0.0
