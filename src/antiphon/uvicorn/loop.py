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
    failure = context.get("exception")
    if isinstance(failure, type):
        # aiofastnet names the class of an error that was raised in C, where a client has gone in the middle of the TLS
        # handshake, as health checks and port scanners do all the time. Python 3.11 fails to print its traceback.
        logger.info("%s: %s", context.get("message"), failure.__name__)
    else:
        loop.default_exception_handler(context)
