"""WebSocket over ASGI: the portable way, on any ASGI server. The fast path is in ``antiphon.uvicorn``.

Source: ASGI specification, "WebSocket"; JavaScript: ``WebSocket`` of ``engine.io``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from antiphon.engineio.packet import Binary, WirePacket
from antiphon.engineio.v3 import BINARY_MESSAGE
from antiphon.server.fanout import Message
from antiphon.server.transport import Transport
from antiphon.server.waiters import Waiters
from antiphon.types import TransportName

__all__ = ["TOO_BIG", "ASGIWebSocket"]

TOO_BIG: Final = 1009
"""The close code for a message that is larger than ``max_http_buffer_size``."""

_WRITE_TIMEOUT: Final = 30.0


class ASGIWebSocket(Transport):
    """A WebSocket connection that an ASGI server holds.

    Args:
        send: sends one packet through the ASGI server.
        protocol: the revision of Engine.IO, 3 or 4.
        limit: bytes that may wait for a peer that does not read.

    Attributes:
        peer_left: True if there is nobody, or nobody who listens, to close the connection with.
    """

    __slots__ = (
        "_closing",
        "_ending",
        "_lead",
        "_limit",
        "_out",
        "_send",
        "_sending",
        "_size",
        "_waiters",
        "_waiting_now",
        "_wakeup",
        "close_code",
        "owner",
        "peer_left",
    )

    name: TransportName = "websocket"

    def __init__(self, send: Callable[[WirePacket], Awaitable[None]], *, protocol: int, limit: int) -> None:
        self._send = send
        self._lead = BINARY_MESSAGE if protocol == 3 else b""
        self._limit = limit
        self._out: list[WirePacket] = []
        self._size = 0
        self._sending = False
        self._closing = False
        self._wakeup = asyncio.Event()
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Those who wait for what is collected, and those who wait for what is being sent.
        self._waiters = Waiters()
        self._waiting_now = Waiters()
        self.close_code = None
        self.peer_left: bool = False

    def send_text(self, data: bytes) -> None:
        """Send a text packet."""
        self._append(data, len(data))

    def send_message(self, message: Message) -> None:
        """Send a message and its attachments."""
        self.send_packets(message.packets)

    def send_packets(self, packets: list[WirePacket]) -> None:
        """Send several packets."""
        for packet in packets:
            if isinstance(packet, Binary):
                self._append(Binary(self._lead + packet.data) if self._lead else packet, len(packet.data))
            else:
                self._append(packet, len(packet))

    def _append(self, packet: WirePacket, size: int) -> None:
        if self._closing:
            return
        self._out.append(packet)
        self._size += size
        self._wakeup.set()
        if self._size > self._limit:
            self._closing = self.peer_left = True
            self._out.clear()
            asyncio.get_running_loop().call_soon(
                self.owner.transport_failed,
                self,
                "the client does not read: max_send_buffer_size is exceeded",
                "slow consumer",
            )

    async def write(self) -> None:
        """Send what is collected until the transport is closed. Runs as a task of its own."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            out, self._out = self._out, []
            self._waiters, self._waiting_now = self._waiting_now, self._waiters
            for packet in out:
                self._sending = True
                await self._send(packet)
                self._sending = False
                self._size -= len(packet.data) if isinstance(packet, Binary) else len(packet)
            self._waiting_now.release()
            if self._out:
                self._wakeup.set()
            elif self._closing:
                return

    @property
    def writable(self) -> bool:
        """Whether the ASGI server takes packets without making us wait."""
        return not self._sending and not self._closing

    def drained(self) -> Awaitable[None] | None:
        """Return what to await until the ASGI server has taken everything; None if it has."""
        if not self._size or self._closing:
            return None
        return (self._waiters if self._out else self._waiting_now).add()

    def close(self) -> bool:
        """Close after what waits was sent."""
        self._closing = True
        self._wakeup.set()
        if not self._ending.done():
            self._ending.set_result(None)
        return True

    def discard(self) -> None:
        """Close after what waits was sent; the writer gives up on a peer that does not read."""
        self.close()

    async def serve(self, receive: Callable[[], Awaitable[bytes | str | None]], max_size: int) -> None:
        """Read messages until either side closes.

        Args:
            receive: the next message, or None at the end.
            max_size: bytes that a message may have.
        """
        reader = asyncio.ensure_future(self._read(receive, max_size))
        writer = asyncio.ensure_future(self.write())
        try:
            await asyncio.wait((reader, writer, self._ending), return_when=asyncio.FIRST_COMPLETED)
            self.close()
            if not self.peer_left:
                # What still waits is sent, for as long as that may take a slow peer.
                await asyncio.wait((writer,), timeout=_WRITE_TIMEOUT)
                self.peer_left = not writer.done() or writer.exception() is not None
        finally:
            self._closing = True
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            self._waiting_now.release()
            self._waiters.release()
            self.owner.transport_closed(self)

    async def _read(self, receive: Callable[[], Awaitable[bytes | str | None]], max_size: int) -> None:
        while not self._closing:
            message = await receive()
            if message is None:
                self.peer_left = True
                self.owner.transport_closed(self)
                return
            data = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
            if len(data) > max_size:
                self.close_code = TOO_BIG
                self.owner.transport_failed(self, "Max payload size exceeded")
                return
            if isinstance(message, str):
                self.owner.receive_text(data)
            else:
                self.owner.receive_binary(data)
