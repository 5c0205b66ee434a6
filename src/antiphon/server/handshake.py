"""What is known of a client from the moment it connected.

Source: JavaScript, ``socket.handshake``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from antiphon.server.request import Headers, Request

__all__ = ["Handshake"]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What is known from the moment a socket connected. JavaScript: ``socket.handshake``.

    Attributes:
        headers: of the request that opened the session; names in lower case.
        time: when the socket connected, as text.
        address: of the peer.
        xdomain: whether the request had an Origin.
        secure: whether it came over TLS.
        issued: when the socket connected, in milliseconds since 1970.
        url: path and query of the request.
        query: the query parameters; of a repeated one, the last value.
        auth: what the client gave for this namespace.
    """

    headers: Headers
    time: str
    address: str
    xdomain: bool
    secure: bool
    issued: int
    url: str
    query: Mapping[str, str]
    auth: Mapping[str, object]

    @classmethod
    def build(cls, request: Request, address: str, auth: Mapping[str, object], issued: float) -> Handshake:
        """Make the handshake of a socket that connected at ``issued``, in seconds since 1970."""
        headers = request.headers
        moment = datetime.fromtimestamp(issued, UTC)
        return cls(
            headers=headers,
            time=moment.strftime("%a %b %d %Y %H:%M:%S GMT%z (Coordinated Universal Time)"),
            address=address,
            xdomain="origin" in headers,
            secure=request.secure,
            issued=round(issued * 1000),
            url=request.url,
            query=request.query,
            auth=auth,
        )
