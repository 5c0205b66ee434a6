"""Names for the values that travel through every floor of the house."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal, NewType, TypeAlias

__all__ = [
    "ASGIApp",
    "ASGIMessage",
    "AckFunction",
    "DisconnectReason",
    "Receive",
    "Room",
    "Scope",
    "Send",
    "SocketId",
    "TransportName",
]

SocketId = NewType("SocketId", str)
"""The public identifier of a Socket.IO socket, different in each namespace."""

Room: TypeAlias = str
"""The name of a room."""

TransportName: TypeAlias = Literal["polling", "websocket"]

DisconnectReason: TypeAlias = Literal[
    "server namespace disconnect",
    "client namespace disconnect",
    "server shutting down",
    "ping timeout",
    "transport close",
    "transport error",
    "parse error",
    "forced close",
    "forced server close",
    "slow consumer",
]
"""Why a socket was disconnected: the strings of the JavaScript server, and ``slow consumer``, a client that did not
read until ``max_send_buffer_size`` bytes waited for it."""

AckFunction: TypeAlias = Callable[..., object]
"""Called with the arguments of an acknowledgement; with a timeout, an error (or None) comes first. It may be async."""

Scope: TypeAlias = MutableMapping[str, Any]
"""What an ASGI server tells of a connection. Source: ASGI specification, "Applications"."""

ASGIMessage: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[ASGIMessage]]
Send: TypeAlias = Callable[[ASGIMessage], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
