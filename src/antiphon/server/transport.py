"""What a transport must be able to do, and what it may ask of the session that owns it.

Source: JavaScript, ``Transport`` of ``engine.io``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from antiphon.engineio.packet import Packet, WirePacket
from antiphon.engineio.session import CloseReason
from antiphon.errors import PacketError
from antiphon.server.fanout import Message
from antiphon.types import TransportName

__all__ = ["Owner", "Transport"]


class Owner(Protocol):
    """What a transport reports to: a session, or a probe until the upgrade is done."""

    def receive_text(self, data: bytes) -> None:
        """Take a text packet, type byte first."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def receive_packet(self, packet: Packet) -> None:
        """Take a packet that is decoded already."""
        ...

    def receive_error(self, error: PacketError) -> None:
        """Be told that what arrived was no packet."""
        ...

    def transport_closed(self, transport: Transport) -> None:
        """Be told that the peer has closed the transport."""
        ...

    def transport_failed(self, transport: Transport, description: str, reason: CloseReason = "transport error") -> None:
        """Be told that the transport cannot go on, and why."""
        ...


class Transport(ABC):
    """A way to carry packets. It knows nothing of sockets, namespaces and rooms."""

    # No slots here: a subclass may have a base with a layout of its own. Each has "owner" and "close_code".
    __slots__ = ()

    name: TransportName

    if TYPE_CHECKING:
        # Declared as properties, for mypy counts attributes among the slots of this class.
        @property
        def owner(self) -> Owner:
            """What the transport reports to."""
            ...

        @owner.setter
        def owner(self, owner: Owner) -> None: ...

        @property
        def close_code(self) -> int | None:
            """The code that a WebSocket is closed with; None for none, as the official server does."""
            ...

        @close_code.setter
        def close_code(self, code: int | None) -> None: ...

    @abstractmethod
    def send_text(self, data: bytes) -> None:
        """Send a text packet, type byte first."""

    @abstractmethod
    def send_message(self, message: Message) -> None:
        """Send a message and its attachments, with nothing in between."""

    @abstractmethod
    def send_packets(self, packets: list[WirePacket]) -> None:
        """Send several packets."""

    def retire(self) -> list[WirePacket]:
        """End because another transport takes over; return what has not been sent."""
        self.discard()
        return []

    @abstractmethod
    def close(self) -> bool:
        """Send what waits, then end, and tell the peer.

        Returns:
            False if that has to wait for the peer; the owner is told when it is done.
        """

    @abstractmethod
    def discard(self) -> None:
        """End at once, for the session is over; the peer is told if that needs no waiting."""

    @property
    def writable(self) -> bool:
        """Whether a packet would leave now and not wait."""
        return True

    @abstractmethod
    def drained(self) -> Awaitable[None] | None:
        """Return what to await until all that was sent has been taken; None if it has."""
