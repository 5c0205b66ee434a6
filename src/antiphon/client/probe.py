"""The try whether a session can change over to another transport.

Source: Engine.IO protocol 4, "Upgrade"; JavaScript: ``_probe`` of ``engine.io-client``.
"""

from __future__ import annotations

from typing import Protocol

from antiphon.client.transport import NOBODY, Outgoing, Transport
from antiphon.engineio.packet import PROBE_PING, PROBE_PONG, UPGRADE
from antiphon.errors import TransportError

__all__ = ["Probe", "Upgrading"]


class Upgrading(Protocol):
    """A session that may change over."""

    def probe_succeeded(self, probe: Probe) -> None:
        """Be told that the transport works."""
        ...

    def probe_failed(self, error: TransportError) -> None:
        """Be told that it does not."""
        ...


class Probe:
    """Opens a transport, and sees whether it carries a packet there and back.

    Args:
        transport: what is tried.
        session: is told of the outcome, once.
    """

    def __init__(self, transport: Transport, session: Upgrading) -> None:
        self.transport: Transport = transport
        self._session = session
        self._succeeded = False

    def begin(self) -> None:
        """Connect."""
        self.transport.listener = self
        self.transport.open()

    def confirm(self) -> None:
        """Tell the server that this is the transport from now on."""
        self.transport.send([Outgoing(UPGRADE)])

    # As the listener of the transport

    def transport_opened(self) -> None:
        """Send the question."""
        self.transport.send([Outgoing(PROBE_PING)])

    def receive_text(self, data: bytes) -> None:
        """Take the answer."""
        if data == PROBE_PONG and not self._succeeded:
            self._succeeded = True
            self._session.probe_succeeded(self)
        else:
            self._fail(self.transport.error(f"the probe was answered with {data[:100]!r}"))

    def receive_binary(self, data: bytes) -> None:
        """Take what cannot be the answer."""
        self._fail(self.transport.error(f"the probe was answered with {len(data)} bytes of binary"))

    def transport_drained(self) -> None:
        """Do nothing: the answer is what counts."""

    def transport_failed(self, error: TransportError) -> None:
        """Give up."""
        self._fail(error)

    def transport_closed(self, error: TransportError) -> None:
        """Give up."""
        self._fail(error)

    def _fail(self, error: TransportError) -> None:
        self.transport.listener = NOBODY
        self.transport.close()
        self._session.probe_failed(error)
