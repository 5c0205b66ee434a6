"""The event loop of ``io.run()``: uvloop where it can be had, with the transports of aiofastnet."""

from __future__ import annotations

import asyncio

import aiofastnet

__all__ = ["new_event_loop"]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop that this machine can have."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows, nor on PyPy
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    return aiofastnet.patch_loop(loop)
