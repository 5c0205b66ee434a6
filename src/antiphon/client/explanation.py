"""What went wrong with a connection, in plain words."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl as tls
from typing import Final

__all__ = ["explain", "explain_answer"]

_WORDS: Final = {
    errno.ECONNREFUSED: "the connection was refused: nothing listens there",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was reset",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.ETIMEDOUT: "the host does not answer",
}
_CUT_OFF: Final = "the connection was lost in the middle of an answer"
_EIO3_PAYLOAD: Final = re.compile(r"^\d+:0\{|^0\{.*\}$")
_BODY_SHOWN: Final = 200


def explain(error: BaseException) -> str:
    """Say what an exception of the network means."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name of the host cannot be resolved ({cause.strerror or cause})"
        if type(cause).__module__.startswith("aiohttp") and cause.__cause__ is not None:
            # Its errors are also what they stand for, but say less.
            continue
        if isinstance(cause, tls.SSLCertVerificationError):
            return f"the certificate of the server is not trusted: {cause.verify_message}"
        if isinstance(cause, tls.SSLError):
            return f"TLS failed: {getattr(cause, 'reason', None) or cause}"
        if isinstance(cause, asyncio.TimeoutError | TimeoutError) and not getattr(cause, "errno", None):
            return "it took too long"
        if isinstance(cause, OSError) and cause.errno in _WORDS:
            return _WORDS[cause.errno]
        message = getattr(cause, "message", "")
        if type(cause).__name__ == "ServerDisconnectedError":
            # What has come of a head is its message then.
            return "the server has closed the connection" if isinstance(message, str) else _CUT_OFF
        # What aiohttp says of a body that is shorter than its head has promised.
        if isinstance(message, str) and message.startswith("Not enough data"):
            return _CUT_OFF
    text = str(error) or type(error).__name__
    return text[0].lower() + text[1:]


def _causes(error: BaseException) -> list[BaseException]:
    """Return an exception and what it stands for: aiohttp wraps those of the operating system."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or cause in found:
            continue
        found.append(cause)
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        inner = getattr(cause, "os_error", None) or getattr(cause, "_os_error", None)
        waiting.append(inner if isinstance(inner, BaseException) else None)
        waiting.extend((cause.__cause__, cause.__context__))
    return found


def explain_answer(status: int, body: str, *, answered: int = 0) -> str:
    """Say what an HTTP response means that is not the one of a Socket.IO server.

    Args:
        status: of the response.
        body: of the response.
        answered: how many requests of the session the server has answered before.
    """
    shown = " ".join(body.split())
    if len(shown) > _BODY_SHOWN:
        shown = shown[:_BODY_SHOWN] + "..."
    text = f"the server answered {status}" + (f": {shown}" if shown else "")
    if "Unsupported protocol version" in body:
        text += " (it speaks Socket.IO 2; take a newer server)"
    elif "Session ID unknown" in body and answered <= 1:
        text += " (another process got the request: several processes need sticky sessions, or WebSocket only)"
    elif status == 200 and _EIO3_PAYLOAD.match(body):
        text += " (it speaks Socket.IO 2; take a newer server)"
    elif status in {404, 200} and "socket.io" not in body.lower():
        text += " (is there a Socket.IO server at this path? path= says where it is)"
    return text
