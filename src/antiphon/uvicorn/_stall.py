"""Connections whose peer does not take what was written for it."""

from __future__ import annotations

import asyncio

__all__ = ["STALL_TIMEOUT", "StallTimer"]

STALL_TIMEOUT = 30.0
"""Seconds in which a peer has to take something of what was written for it; or, if that was all, to answer."""


class StallTimer:
    """Aborts a connection once its peer has taken nothing for some time: else what waits for it might be kept forever.

    A peer that is slow, but reads, is not hurried.

    Args:
        transport: of the connection.
    """

    __slots__ = ("_left", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._start()

    def _start(self) -> None:
        self._left = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(STALL_TIMEOUT, self._look)

    def _look(self) -> None:
        if 0 < self._transport.get_write_buffer_size() < self._left:
            self._start()
        else:
            self._transport.abort()

    def cancel(self) -> None:
        """Let the connection be."""
        self._timer.cancel()
