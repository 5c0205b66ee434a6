"""HTTP long-polling.

Source: Engine.IO protocol 4, "HTTP long-polling"; JavaScript: ``Polling`` of ``engine.io-client``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from antiphon.client.explanation import explain, explain_answer
from antiphon.client.network import Network
from antiphon.client.transport import NOBODY, Outgoing, Transport, TransportListener
from antiphon.engineio.packet import decode_base64
from antiphon.engineio.payload import SEPARATOR, encode_payload
from antiphon.errors import PacketError, TransportError
from antiphon.types import TransportName

__all__ = ["Polling"]

_CLOSE: Final = b"1"
_GOODBYE: Final = 2.0
"""Seconds that the last packets may take, and the goodbye after them."""
_HANDSHAKE: Final = b"0{"
_BASE64: Final = b"b"


class Polling(Transport):
    """Requests that wait for packets, and requests that bring some."""

    name: TransportName = "polling"
    is_open: bool
    writable: bool
    listener: TransportListener

    def __init__(self, network: Network, query: dict[str, str]) -> None:
        super().__init__(network, query)
        self._closed = False
        self._answered = 0
        self._is_polling = False
        self._paused = False
        self._on_pause: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._poll_task: asyncio.Task[None] | None = None
        self._post_task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Send the first request."""
        self._poll()

    def _start(self, coroutine: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Receiving

    def _poll(self) -> None:
        self._is_polling = True
        self._poll_task = self._start(self._get())

    async def _get(self) -> None:
        try:
            body = await self._request("GET")
        except TransportError as error:
            self._is_polling = False
            self._fail(error)
            return
        self._on_payload(body)

    def _on_payload(self, body: bytes) -> None:
        if not self.is_open and not self._closed and not body.startswith(_HANDSHAKE):
            text = body.decode(errors="replace")
            self._fail(self.error(explain_answer(200, text), status=200, body=text[:1000]))
            return
        for encoded in body.split(SEPARATOR):
            if self._closed:
                return
            self._on_packet(encoded)
        if self._closed:
            return
        self._is_polling = False
        self._check_pause()
        if self.is_open and not self._paused and not self._is_polling:
            self._poll()

    def _on_packet(self, encoded: bytes) -> None:
        if not self.is_open and encoded[:1] == b"0":
            self.is_open = self.writable = True
            self.listener.transport_opened()
        if encoded == _CLOSE:
            listener, self.listener = self.listener, NOBODY
            self._closed = True
            self.is_open = self.writable = False
            listener.transport_closed(self.error("the server has closed the session"))
        elif encoded[:1] == _BASE64:
            try:
                data = decode_base64(encoded[1:])
            except PacketError as error:
                self._fail(self.error(str(error)))
            else:
                self.listener.receive_binary(data)
        else:
            self.listener.receive_text(encoded)

    # Sending

    def send(self, packets: Sequence[Outgoing]) -> None:
        """Send packets in the body of one request."""
        self.writable = False
        self._post_task = self._start(self._post(encode_payload([packet for packet, _ in packets])))

    async def _post(self, body: bytes) -> None:
        try:
            await self._request("POST", body)
        except TransportError as error:
            self._fail(error)
            return
        if not self._closed:
            self.writable = True
            self.listener.transport_drained()
            self._check_pause()

    async def _request(self, method: str, body: bytes | None = None) -> bytes:
        """Send a request, and return the body of the response, which must be a good one.

        Raises:
            TransportError: it is not, or there was none.
        """
        network = self.network
        query = dict(self.query)
        if network.options.timestamp_requests:
            query[network.options.timestamp_param] = _timestamp()
        try:
            status, answer = await network.request(method, query, body)
        except Exception as error:
            # Whatever the network, TLS or the proxy raises: a session that nobody tells of it would wait for ever.
            raise self.error(explain(error), cause=error) from error
        if 200 <= status < 300:
            self._answered += 1
            return answer
        text = answer.decode(errors="replace")
        raise self.error(explain_answer(status, text, answered=self._answered), status=status, body=text[:1000])

    def _fail(self, error: TransportError) -> None:
        if not self._closed:
            self.listener.transport_failed(error)

    # The upgrade to another transport

    def pause(self, on_pause: Callable[[], None]) -> None:
        """Call back when no request is under way."""
        self._paused = True
        self._on_pause = on_pause
        self._check_pause()

    def resume(self) -> None:
        """Poll again."""
        self._paused = False
        self._on_pause = None
        if self.is_open and not self._is_polling:
            self._poll()

    def _check_pause(self) -> None:
        if self._paused and not self._is_polling and self.writable and self._on_pause is not None:
            on_pause, self._on_pause = self._on_pause, None
            self.is_open = self.writable = False
            on_pause()

    # The end

    def close(self) -> None:
        """Tell the server that the session is over, if there is one, after what is on its way to it."""
        if self._closed:
            return
        goodbye, sending = self.is_open, self._post_task
        self.is_open = self.writable = False
        self._closed = True
        self.listener = NOBODY
        if goodbye:
            # The poll goes on until then: the server takes one that is broken off for an error.
            self._start(self._say_goodbye(sending))
        else:
            self._stop_polling()

    async def _say_goodbye(self, sending: asyncio.Task[None] | None) -> None:
        try:
            if sending is not None and not sending.done():
                await asyncio.wait([sending], timeout=_GOODBYE)
            async with asyncio.timeout(_GOODBYE):
                await self._request("POST", _CLOSE)
        except (TransportError, TimeoutError):
            # It is over in any case.
            pass
        finally:
            self._stop_polling()
            if sending is not None:
                # On a dead connection it would never end.
                sending.cancel()

    def abort(self) -> None:
        """End all requests at once."""
        self.is_open = self.writable = False
        self._closed = True
        self.listener = NOBODY
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _stop_polling(self) -> None:
        if self._poll_task is not None and self._poll_task is not asyncio.current_task():
            self._poll_task.cancel()

    async def wait_closed(self) -> None:
        """Wait until no request is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))


def _timestamp() -> str:
    return f"{time.time_ns() // 1_000_000:x}{random.randrange(4096):03x}"  # noqa: S311 - only to be another one
