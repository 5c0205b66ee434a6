"""Every exception that Antiphon raises.

::

    AntiphonError
    ├── ConfigurationError          an option or argument is wrong (you did)
    │   └── ReservedEventError      an event name that the protocol keeps for itself
    ├── EncodeError                 data that cannot be put on the wire (you did)
    │   └── PayloadTooLarge         more than the server takes in one message
    ├── RemoteProtocolError         the peer broke the protocol (it did)
    │   ├── PacketError             a packet that cannot be decoded
    │   └── HandshakeError          a request that may not open or continue a session
    ├── TransportError              a connection broke
    │   └── ConnectError            a connection could not be made
    ├── ConnectionRefused           a server raises it to refuse a client; a client is told so
    ├── AckTimeout                  no acknowledgement in time
    ├── BufferFull                  too many events wait for the connection
    └── Disconnected                there is no connection, and so no answer
        └── SocketDisconnected      the peer left before it acknowledged
"""

from __future__ import annotations

import copyreg
from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "AckTimeout",
    "AntiphonError",
    "BufferFull",
    "ConfigurationError",
    "ConnectError",
    "ConnectionRefused",
    "Disconnected",
    "EncodeError",
    "HandshakeError",
    "PacketError",
    "PayloadTooLarge",
    "RemoteProtocolError",
    "ReservedEventError",
    "SocketDisconnected",
    "TransportError",
]


class AntiphonError(Exception):
    """Base of every exception that Antiphon raises. All of them can be pickled and copied."""

    def __reduce__(self) -> tuple[object, ...]:
        # What Exception has would call __init__ with the message, which not every class takes.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


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


class PayloadTooLarge(EncodeError):
    """A message has more bytes than the server takes; it would close the connection.

    JavaScript: the server option ``maxHttpBufferSize``, which the handshake tells of as ``maxPayload``.

    Attributes:
        size: bytes of the message.
        max_payload: bytes that the server takes.
    """

    def __init__(self, size: int, max_payload: int) -> None:
        super().__init__(
            f"the message has {size} bytes, the server takes {max_payload}; send less at once, or raise "
            "max_http_buffer_size of the server"
        )
        self.size = size
        self.max_payload = max_payload


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


class TransportError(AntiphonError):
    """A connection broke; the message says how.

    JavaScript: ``TransportError``, and the details of ``disconnect``.

    Attributes:
        transport: ``polling`` or ``websocket``.
        url: scheme, host and port of the server.
        status: of the HTTP response, if there was one; or of the close frame of a WebSocket.
        body: of the HTTP response, its beginning.
    """

    def __init__(
        self, message: str, *, transport: str = "", url: str = "", status: int | None = None, body: str | None = None
    ) -> None:
        super().__init__(message)
        self.transport = transport
        self.url = url
        self.status = status
        self.body = body


class ConnectError(TransportError):
    """A connection could not be made; the message says where, by which transport, and why."""


class ConnectionRefused(AntiphonError):
    """Raise it in a middleware, or in ``allow_request``, to refuse a client. A client that is refused gets it as well.

    JavaScript: the error of ``connect_error`` that has ``data``.

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


class BufferFull(AntiphonError):
    """An event was not taken, for as many as there may be (``send_buffer_size``) wait for the connection already."""


class Disconnected(AntiphonError):
    """There is no connection, or there was one and it has ended.

    Attributes:
        reason: as the handlers of ``disconnect`` get it; None if there was no connection.
    """

    def __init__(self, message: str = "socket has been disconnected", reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class SocketDisconnected(Disconnected):
    """The peer left before it acknowledged."""
