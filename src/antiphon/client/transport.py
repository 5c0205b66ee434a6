"""One way to reach a server, and who listens to it.

Source: JavaScript, ``Transport`` of ``engine.io-client``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from antiphon.client.network import Network
from antiphon.engineio.packet import WirePacket
from antiphon.errors import TransportError
from antiphon.types import TransportName

__all__ = ["NOBODY", "Outgoing", "Transport", "TransportListener"]


class Outgoing(NamedTuple):
    """A packet that waits to be sent.

    Attributes:
        packet: the packet.
        compress: whether it may be compressed.
    """

    packet: WirePacket
    compress: bool = True


class TransportListener(Protocol):
    """Who uses a transport: the session, or the probe of an upgrade."""

    def transport_opened(self) -> None:
        """Be told that packets can be sent."""
        ...

    def receive_text(self, data: bytes) -> None:
        """Take an Engine.IO text packet."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def transport_drained(self) -> None:
        """Be told that what was sent is on its way, and more can be."""
        ...

    def transport_failed(self, error: TransportError) -> None:
        """Be told that it broke."""
        ...

    def transport_closed(self, error: TransportError) -> None:
        """Be told that the server has closed it."""
        ...


class _Nobody:
    """Listens to a transport that nobody is interested in any more."""

    def transport_opened(self) -> None:
        """Do nothing."""

    def receive_text(self, data: bytes) -> None:
        """Do nothing."""

    def receive_binary(self, data: bytes) -> None:
        """Do nothing."""

    def transport_drained(self) -> None:
        """Do nothing."""

    def transport_failed(self, error: TransportError) -> None:
        """Do nothing."""

    def transport_closed(self, error: TransportError) -> None:
        """Do nothing."""


NOBODY: TransportListener = _Nobody()


class Transport(ABC):
    """One way to reach a server.

    Args:
        network: how requests are made.
        query: the parameters of its URL.

    Attributes:
        name: what the server calls it.
        query: the parameters of its URL; a session adds its id.
        listener: who uses it.
        is_open: packets can be sent, now or soon.
        writable: packets can be sent now.
    """

    name: TransportName

    def __init__(self, network: Network, query: dict[str, str]) -> None:
        self.network: Network = network
        self.query: dict[str, str] = query
        self.listener: TransportListener = NOBODY
        self.is_open: bool = False
        self.writable: bool = False

    @abstractmethod
    def open(self) -> None:
        """Begin to connect."""

    @abstractmethod
    def send(self, packets: Sequence[Outgoing]) -> None:
        """Send packets. The listener is told when more can be sent."""

    @abstractmethod
    def close(self) -> None:
        """Close it, after what was sent. The listener is not told of it."""

    @abstractmethod
    def abort(self) -> None:
        """Drop it, with what was not sent. The listener is not told of it."""

    def abandon(self) -> None:
        """Close it, and tell nobody of anything any more."""
        self.listener = NOBODY
        self.close()

    @abstractmethod
    async def wait_closed(self) -> None:
        """Wait until nothing of it is left."""

    def pause(self, on_pause: Callable[[], None]) -> None:
        """Call back when nothing is on its way any more, so that another transport can take over."""
        on_pause()

    def resume(self) -> None:  # noqa: B027 - most have nothing to go on with
        """Go on after all: nothing has taken over."""

    def error(
        self, message: str, *, status: int | None = None, body: str | None = None, cause: BaseException | None = None
    ) -> TransportError:
        """Make the error that tells what happened to this transport."""
        error = TransportError(message, transport=self.name, url=self.network.address.origin, status=status, body=body)
        error.__cause__ = cause
        return error
