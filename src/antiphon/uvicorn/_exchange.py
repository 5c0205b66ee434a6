"""One polling request and its response, without ASGI in between."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from antiphon.common.quoting import quoted
from antiphon.common.tasks import FAILURES
from antiphon.server.engine import Engine
from antiphon.server.request import Request, Response

if TYPE_CHECKING:
    from antiphon.uvicorn._http import HTTPProtocol

__all__ = ["Exchange"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Exchange:
    """Stands where uvicorn has its ``RequestResponseCycle``, and has what uvicorn's protocol asks of one.

    Args:
        protocol: the connection.
        engine: answers.
        request: has come as a whole.
        body: of the request.
        keep_alive: whether the connection stays open.

    Attributes:
        keep_alive: uvicorn clears it when it is about to stop.
        disconnected: set by uvicorn when the connection is lost.
        response_complete: whether the response was written.
    """

    __slots__ = ("_abandon", "_body", "_engine", "_protocol", "_request", "disconnected", "keep_alive",
                 "response_complete")  # fmt: skip

    def __init__(self, protocol: HTTPProtocol, engine: Engine, request: Request, body: bytes, keep_alive: bool) -> None:
        self._protocol = protocol
        self._engine = engine
        self._request = request
        self._body = body
        self._abandon: Callable[[], None] | None = None
        self.keep_alive: bool = keep_alive
        self.disconnected: bool = False
        self.response_complete: bool = False

    def begin(self) -> None:
        """Answer, or wait until there is something to send."""
        try:
            abandon = self._engine.answer(self._request, self._body, self.respond)
            if not self.response_complete:
                self._abandon = abandon
        except FAILURES:
            logger.exception("%s %s failed", self._request.method, quoted(self._request.url))
            self.respond(Response(500, b"Internal Server Error", {"content-type": "text/plain; charset=utf-8"}))

    @property
    def message_event(self) -> Exchange:
        """What uvicorn sets when something has happened to the connection."""
        return self

    def set(self) -> None:
        """Be told that the connection is lost."""
        abandon, self._abandon = self._abandon, None
        if self.disconnected and abandon is not None:
            abandon()

    def respond(self, response: Response) -> None:
        """Write the response, once."""
        if self.response_complete or self.disconnected:
            return
        self.response_complete = True
        self._abandon = None
        protocol, body = self._protocol, response.body
        headers = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
        if not self.keep_alive:
            headers += "connection: close\r\n"
        head = f"{headers}content-length: {len(body)}\r\n\r\n".encode("latin-1")
        protocol.transport.write(_STATUS_LINES[response.status] + protocol.default_headers() + head + body)
        if not self.keep_alive:
            protocol.close()
        protocol.on_response_complete()
