"""Every exception that Antiphon raises.

::

    AntiphonError
    ├── ConfigurationError          an option or argument is wrong (you did)
    │   └── ReservedEventError      an event name that the protocol keeps for itself
    ├── EncodeError                 data that the parser cannot put on the wire (you did)
    ├── RemoteProtocolError         the peer broke the protocol (it did)
    │   ├── PacketError             a packet that cannot be decoded
    │   └── HandshakeError          a request that may not open or continue a session
    ├── ConnectionRefused           raise it to refuse a client, with a message for it
    ├── AckTimeout                  no acknowledgement in time
    └── SocketDisconnected          the peer left before it acknowledged
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "AckTimeout",
    "AntiphonError",
    "ConfigurationError",
    "ConnectionRefused",
    "EncodeError",
    "HandshakeError",
    "PacketError",
    "RemoteProtocolError",
    "ReservedEventError",
    "SocketDisconnected",
]


class AntiphonError(Exception):
    """Base of every exception that Antiphon raises."""


class ConfigurationError(AntiphonError):
    """An option or an argument is wrong; the message says what to give instead."""


class ReservedEventError(ConfigurationError):
    """The event name is reserved by the protocol.

    Attributes:
        event: the name that was given.
    """

    def __init__(self, event: str) -> None:
        super().__init__(f'"{event}" is a reserved event name')
        self.event = event


class EncodeError(AntiphonError):
    """The data cannot be put on the wire; the message names the type and what to send instead."""


class RemoteProtocolError(AntiphonError):
    """The peer broke the protocol."""


class PacketError(RemoteProtocolError):
    """What arrived is not a packet."""


class HandshakeError(RemoteProtocolError):
    """A request may not open or continue an Engine.IO session.

    Attributes:
        code: 0 to 5, as in the ``connection_error`` event of the JavaScript server.
        message: what the client is told.
        context: what the log and the ``connection_error`` event are told besides.
    """

    def __init__(self, code: int, message: str, context: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context: Mapping[str, object] = context or {}


class ConnectionRefused(AntiphonError):
    """Raise it in a middleware, or in ``allow_request``, to refuse a client.

    Attributes:
        message: what the client is told.
        data: more for the client, any JSON value.
    """

    def __init__(self, message: str = "Forbidden", data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class AckTimeout(AntiphonError):
    """The peer did not acknowledge in time, or not every peer of a broadcast did.

    Attributes:
        responses: of a broadcast: the answers that came in time.
        missing: of a broadcast: the ids of the sockets that did not answer.
    """

    def __init__(
        self,
        message: str = "operation has timed out",
        *,
        responses: Sequence[object] = (),
        missing: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.responses = responses
        self.missing = missing


class SocketDisconnected(AntiphonError):
    """The peer left before it acknowledged."""

    def __init__(self, message: str = "socket has been disconnected") -> None:
        super().__init__(message)
