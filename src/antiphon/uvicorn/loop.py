"""The event loop of ``io.run()``: uvloop where it can be had, with the transports of aiofastnet."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiofastnet

__all__ = ["new_event_loop"]

logger: logging.Logger = logging.getLogger("antiphon.server")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop that this machine can have."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows, nor on PyPy
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    loop.set_exception_handler(_report)
    return aiofastnet.patch_loop(loop)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if context.get("message") == "SSL handshake failed":
        # Health checks and port scanners do that all the time. And Python 3.11 cannot print the traceback: aiofastnet
        # raises from C.
        logger.info("a TLS handshake failed: %r", context.get("exception"))
    else:
        loop.default_exception_handler(context)
