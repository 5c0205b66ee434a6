"""What the listeners of the engine are given. Source: JavaScript, the events of ``io.engine``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.server.request import Headers, Request

__all__ = ["ConnectionErrorEvent", "ConnectionErrorListener", "HeadersListener"]


@dataclass(frozen=True, slots=True)
class ConnectionErrorEvent:
    """What a ``connection_error`` listener is given.

    Attributes:
        request: the request that was refused.
        code: 0 to 5.
        message: what the client was told.
        context: more about the cause.
    """

    request: Request
    code: int
    message: str
    context: Mapping[str, object]


ConnectionErrorListener: TypeAlias = Callable[[ConnectionErrorEvent], object]
HeadersListener: TypeAlias = Callable[[Headers, Request], object]
