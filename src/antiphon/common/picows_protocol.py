"""The constructor of the protocol class of picows, which is not documented API. Nothing else touches it.

The range of versions is pinned in ``pyproject.toml``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from picows.picows import WSProtocol  # type: ignore[attr-defined]

__all__ = ["feed", "make_protocol"]


def make_protocol(
    factory: Callable[..., Any],
    log: Any,
    *,
    max_frame_size: int,
    read_buffer_size: int,
    client_of: tuple[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
) -> Any:
    """Make the protocol of a connection that is to be one of WebSocket.

    Args:
        factory: makes the listener; on a server of the request, on a client of the request and the response.
        log: a logger.
        max_frame_size: bytes that a frame may have.
        read_buffer_size: bytes that the read buffer has at first.
        client_of: on a client, the host (with its port) and the resource that are asked for.
        extra_headers: on a client, more headers of the request.

    Returns:
        An ``asyncio.BufferedProtocol``.
    """
    host, resource = client_of or (None, None)
    return WSProtocol(
        host,
        resource,
        client_of is not None,
        factory,
        log,
        client_of is not None,  # disconnect_on_exception
        None,  # websocket_handshake_timeout
        False,  # enable_auto_ping
        0,  # auto_ping_idle_timeout
        0,  # auto_ping_reply_timeout
        1,  # auto_ping_strategy
        client_of is not None,  # enable_auto_pong: the server answers by itself, see _on_ping there
        max_frame_size,
        extra_headers,
        read_buffer_size,
    )


def feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give a buffered protocol data that was read already."""
    view = memoryview(data)
    while view:
        buffer = memoryview(protocol.get_buffer(len(view)))
        count = min(len(buffer), len(view))
        buffer[:count] = view[:count]
        protocol.buffer_updated(count)
        view = view[count:]
