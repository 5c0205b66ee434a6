"""What can be listened to at an Engine.IO session. A session that nobody listens to pays nothing for it.

Source: JavaScript, the events of ``Socket`` of ``engine.io`` (``socket.conn.on``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from antiphon.common.tasks import FAILURES
from antiphon.engineio.packet import Packet, PacketType, WirePacket
from antiphon.server.fanout import Message
from antiphon.server.transport import Transport

if TYPE_CHECKING:
    from antiphon.server.engine_socket import EngineSocket

__all__ = ["EVENTS", "EngineSocketEvents"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

EVENTS: Final = ("upgrade", "packet", "packet_create", "drain", "heartbeat", "close")


class EngineSocketEvents:
    """The listeners of one session, and what lets them see the packets.

    Args:
        socket: the session.
    """

    __slots__ = ("_drains", "_listeners", "_socket", "_tapped", "_taps_receiving")

    def __init__(self, socket: EngineSocket) -> None:
        self._socket = socket
        self._listeners: dict[str, list[tuple[Callable[..., object], bool]]] = {}
        self._taps_receiving = False
        self._tapped: Transport | None = None
        self._drains = False

    def add(self, event: str, listener: Callable[..., object], *, once: bool) -> None:
        """Register a listener."""
        self._listeners.setdefault(event, []).append((listener, once))
        if event == "packet" and not self._taps_receiving:
            self._tap_receiving()
        self.tap_sending()

    def remove(self, event: str, listener: Callable[..., object] | None) -> None:
        """Drop a listener, or all of an event."""
        kept = [entry for entry in self._listeners.get(event, ()) if listener is not None and entry[0] != listener]
        self._listeners[event] = kept

    def fire(self, event: str, *arguments: object) -> None:
        """Call the listeners of an event."""
        for entry in list(self._listeners.get(event, ())):
            listener, once = entry
            if once:
                if entry not in self._listeners[event]:
                    continue
                self._listeners[event].remove(entry)
            try:
                listener(*arguments)
            except FAILURES:
                logger.exception("a listener of the %s event of a session failed", event)

    # Packets pass through attributes of the session, which are replaced to see them.

    @property
    def _taps_sending(self) -> bool:
        return bool(self._listeners.get("packet_create") or self._listeners.get("drain"))

    def _tap_receiving(self) -> None:
        self._taps_receiving = True
        receive = self._socket.receive_text

        def tapped(data: bytes) -> None:
            if data[:1] == b"4":
                self.fire("packet", Packet(PacketType.MESSAGE, data[1:]))
            receive(data)

        self._socket.receive_text = tapped

    def tap_sending(self) -> None:
        """See what the session sends, after it has changed its transport too."""
        socket = self._socket
        if not self._taps_sending or socket.transport is self._tapped:
            return
        self._tapped = socket.transport
        send_text, send_message = socket.send_text, socket.send_message

        def tapped_text(data: bytes) -> None:
            self._sent(data)
            send_text(data)

        def tapped_message(message: Message) -> None:
            for packet in message.packets:
                self._sent(packet)
            send_message(message)

        socket.send_text, socket.send_message = tapped_text, tapped_message

    def _sent(self, packet: WirePacket) -> None:
        if isinstance(packet, bytes):
            self.fire("packet_create", Packet(PacketType(packet[0] - 48), packet[1:]))
        else:
            self.fire("packet_create", Packet(PacketType.MESSAGE, packet.data, binary=True))
        if self._listeners.get("drain") and not self._drains:
            self._drains = True
            # After the flush at the end of this turn of the loop.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, lambda: asyncio.ensure_future(self._wait()))

    async def _wait(self) -> None:
        # What others have sent before we go on is waited for too: there is one event for all that has been taken.
        while (drained := self._socket.transport.drained()) is not None:
            await drained
        self._drains = False
        self.fire("drain")
