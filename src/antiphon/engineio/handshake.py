"""The rules of the Engine.IO handshake: who may open a session, who may continue one, and what the answer says.

Source: Engine.IO protocol 4, "Handshake"; JavaScript: ``Server.verify`` and ``Server.errors`` of ``engine.io``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

import orjson

from antiphon.errors import HandshakeError
from antiphon.types import TransportName

__all__ = ["ErrorCode", "HandshakeRequest", "check_protocol", "error_body", "handshake_error", "open_packet", "verify"]


class ErrorCode(IntEnum):
    """Why a request was refused. JavaScript: ``Server.errors``."""

    UNKNOWN_TRANSPORT = 0
    UNKNOWN_SID = 1
    BAD_HANDSHAKE_METHOD = 2
    BAD_REQUEST = 3
    FORBIDDEN = 4
    UNSUPPORTED_PROTOCOL_VERSION = 5

    @property
    def message(self) -> str:
        """What the client is told. JavaScript: ``Server.errorMessages``."""
        return _MESSAGES[self]

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return 403 if self is ErrorCode.FORBIDDEN else 400


_MESSAGES: Final = {
    ErrorCode.UNKNOWN_TRANSPORT: "Transport unknown",
    ErrorCode.UNKNOWN_SID: "Session ID unknown",
    ErrorCode.BAD_HANDSHAKE_METHOD: "Bad handshake method",
    ErrorCode.BAD_REQUEST: "Bad request",
    ErrorCode.FORBIDDEN: "Forbidden",
    ErrorCode.UNSUPPORTED_PROTOCOL_VERSION: "Unsupported protocol version",
}

# What RFC 9110 (section 5.5) allows in a field value: anything else in an Origin was not sent by a browser.
_INVALID_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class HandshakeRequest(NamedTuple):
    """What the rules look at in a request.

    Attributes:
        method: the HTTP method, upper case.
        query: the query parameters; of a repeated one, the last value.
        upgrade: True for a WebSocket handshake.
        origin: the ``Origin`` header, if there is one.
    """

    method: str
    query: Mapping[str, str]
    upgrade: bool
    origin: str | None = None


def handshake_error(code: ErrorCode, message: str | None = None, **context: object) -> HandshakeError:
    """Build the error for a code, with its official message unless another one is given."""
    return HandshakeError(int(code), message or code.message, context)


def verify(
    request: HandshakeRequest,
    *,
    transports: Collection[TransportName],
    session_transport: TransportName | None,
) -> None:
    """Check a request against the rules, in the official order.

    Args:
        request: what came in.
        transports: the enabled transports.
        session_transport: the transport of the session named by ``sid``; None if there is no such session.

    Raises:
        HandshakeError: with the code of the first rule that the request breaks.
    """
    transport = request.query.get("transport")
    if transport not in transports:
        raise handshake_error(ErrorCode.UNKNOWN_TRANSPORT, transport=transport)
    if request.origin is not None and _INVALID_HEADER.search(request.origin):
        raise handshake_error(ErrorCode.BAD_REQUEST, name="INVALID_ORIGIN", origin=request.origin)
    if request.upgrade and transport != "websocket":
        raise handshake_error(ErrorCode.BAD_REQUEST, name="TRANSPORT_HANDSHAKE_ERROR")
    sid = request.query.get("sid")
    if sid:
        if session_transport is None:
            raise handshake_error(ErrorCode.UNKNOWN_SID, sid=sid)
        if not request.upgrade and session_transport != transport:
            raise handshake_error(
                ErrorCode.BAD_REQUEST,
                name="TRANSPORT_MISMATCH",
                transport=transport,
                previous_transport=session_transport,
            )
        return
    if request.method != "GET":
        raise handshake_error(ErrorCode.BAD_HANDSHAKE_METHOD, method=request.method)
    if transport == "websocket" and not request.upgrade:
        raise handshake_error(ErrorCode.BAD_REQUEST, name="TRANSPORT_HANDSHAKE_ERROR")


def check_protocol(query: Mapping[str, str], *, allow_eio3: bool) -> int:
    """Return the protocol revision (3 or 4) that a new session is to speak.

    Anything but ``EIO=4`` counts as revision 3, as in the official server.

    Raises:
        HandshakeError: code 5, revision 3 is asked for and not allowed.
    """
    if query.get("EIO") == "4":
        return 4
    if not allow_eio3:
        raise handshake_error(ErrorCode.UNSUPPORTED_PROTOCOL_VERSION, protocol=3)
    return 3


def open_packet(
    sid: str,
    *,
    upgrades: Collection[TransportName],
    ping_interval: float,
    ping_timeout: float,
    max_payload: int,
) -> bytes:
    """Build the first packet of a session; durations are given in seconds and sent in milliseconds."""
    return b"0" + orjson.dumps(
        {
            "sid": sid,
            "upgrades": list(upgrades),
            "pingInterval": round(ping_interval * 1000),
            "pingTimeout": round(ping_timeout * 1000),
            "maxPayload": max_payload,
        }
    )


def error_body(error: HandshakeError) -> bytes:
    """Build the JSON body of a refusal: ``{"code":…,"message":…}``."""
    return orjson.dumps({"code": error.code, "message": error.message})
