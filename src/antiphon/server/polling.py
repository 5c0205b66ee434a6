"""HTTP long-polling.

The server answers a GET when it has packets, and reads packets from the body of a POST. Only one of each may be under
way.

Source: Engine.IO protocol 4, "HTTP long-polling"; JavaScript: ``Polling`` and ``JSONP`` of ``engine.io``.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import parse_qs

import orjson

from antiphon.engineio import v3
from antiphon.engineio.packet import CLOSE, MESSAGE, NOOP, Packet, PacketType, WirePacket
from antiphon.engineio.payload import SEPARATOR, decode_payload, encode_payload
from antiphon.errors import PacketError
from antiphon.server.compression import compress_body
from antiphon.server.fanout import Flusher, Message
from antiphon.server.options import Options
from antiphon.server.request import Headers, Request, Response
from antiphon.server.transport import Transport
from antiphon.server.waiters import Waiters
from antiphon.types import TransportName

__all__ = ["Body", "Polling", "Respond"]

Respond: TypeAlias = Callable[[Response], None]
"""Takes the response to a request, once."""

Body: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""Reads the next piece of a request's body: ``b""`` at its end, None once the client has gone."""

_OCTETS: Final = "application/octet-stream"

_SLICE: Final = 1_000
"""So many packets of a body are taken in one turn of the loop: a megabyte may hold half a million."""

_CLOSE_TYPE: Final = PacketType.CLOSE  # Python 3.11 looks members of an enumeration up slowly


class Polling(Transport):
    """Long-polling for one session."""

    __slots__ = ("_closed", "_closing", "_compress", "_flusher", "_jsonp", "_options", "_poll", "_protocol",
                 "_reader", "_size", "_supports_binary", "_taking", "_unsent", "_waiters", "close_code", "heard",
                 "owner")  # fmt: skip

    name: TransportName = "polling"

    def __init__(self, request: Request, *, protocol: int, options: Options, flusher: Flusher) -> None:
        self.close_code = None
        self._options = options
        self._flusher = flusher
        self._protocol = protocol
        self._supports_binary = not request.query.get("b64")
        jsonp = request.query.get("j")
        self._jsonp = None if jsonp is None else re.sub("[^0-9]", "", jsonp)
        self._unsent: list[WirePacket] = []
        self._size = 0
        self._compress = False
        self._poll: tuple[Request, Respond] | None = None
        self._reader: asyncio.Task[object] | None = None
        self._taking = False
        self.heard: bool = False
        self._closed = False
        self._closing = False
        self._waiters = Waiters()

    # What is sent

    def send_text(self, data: bytes) -> None:
        """Send a text packet with the next poll."""
        self._compress = True
        self._append(data, len(data))

    def send_message(self, message: Message) -> None:
        """Send a message with the next poll."""
        self._compress = self._compress or message.compress
        for packet in message.packets:
            self._append(packet, len(packet) if isinstance(packet, bytes) else len(packet.data))

    def send_packets(self, packets: list[WirePacket]) -> None:
        """Send packets with the next poll."""
        for packet in packets:
            self._append(packet, len(packet) if isinstance(packet, bytes) else len(packet.data))

    def _append(self, packet: WirePacket, size: int) -> None:
        if self._closed:
            return
        if not self._unsent and self._poll is not None:
            self._flusher.add(self)
        self._unsent.append(packet)
        self._size += size
        if self._size > self._options.max_send_buffer_size and self._poll is None:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._overflow)

    def _overflow(self) -> None:
        self._unsent.clear()
        self._waiters.release()
        self._abort_reader()
        self.owner.transport_failed(self, "the client does not poll: max_send_buffer_size is exceeded", "slow consumer")

    def flush(self) -> None:
        """Answer the pending poll with what there is."""
        if self._poll is not None and self._unsent:
            self._answer()

    def release(self) -> None:
        """Answer the pending poll with a noop, so that the client can go on with its upgrade."""
        if self._poll is not None:
            self._unsent.append(NOOP)
            self._answer()

    def _take_unsent(self) -> list[WirePacket]:
        self.heard = False
        unsent, self._unsent, self._size = self._unsent, [], 0
        return unsent

    @property
    def writable(self) -> bool:
        """Whether a poll is pending."""
        return self._poll is not None

    def drained(self) -> Awaitable[None] | None:
        """Return what to await until a poll has taken everything; None if it has."""
        return None if not self._unsent or self._closed else self._waiters.add()

    def _answer(self) -> None:
        poll, self._poll = self._poll, None
        if poll is not None:
            request, respond = poll
            respond(self._response(request))

    def _response(self, request: Request) -> Response:
        packets, compress = self._take_unsent(), self._compress
        self._compress = False
        self._waiters.release()
        binary = False
        if self._protocol == 4:
            body = encode_payload(packets)
        else:
            body, binary = v3.encode_payload(packets, supports_binary=self._supports_binary)
        headers: Headers = {"content-type": _OCTETS if binary else "text/plain; charset=UTF-8"}
        if self._jsonp is not None:
            text = orjson.dumps(body.decode("utf-8", "replace"))
            text = text.replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")
            body = b"___eio[%s](%s);" % (self._jsonp.encode(), text)
        return self._finish(request, Response(200, body, headers, compressible=compress))

    # What is asked

    async def on_request(self, request: Request, body: Body) -> Response:
        """Answer a request of this session. The handshake counts as its first poll."""
        if request.method == "GET":
            return await self._on_poll(request, body)
        if request.method == "POST":
            return await self._on_data(request, body)
        return Response(500)

    def poll(self, request: Request, respond: Respond) -> None:
        """Answer a GET request, now or as soon as there is something to send."""
        if self._poll is not None:
            self.owner.transport_failed(self, "overlap from client")
            respond(Response(400))
        elif self._unsent:
            respond(self._response(request))
        elif self._closing:
            self._unsent.append(CLOSE)
            response = self._response(request)
            self._closed = True
            asyncio.get_running_loop().call_soon(self.owner.transport_closed, self)
            respond(response)
        else:
            self._poll = request, respond

    def abandon_poll(self, request: Request) -> None:
        """Be told that the client has gone before its poll was answered."""
        if self._poll is not None and self._poll[0] is request:
            self._poll = None
            self.owner.transport_failed(self, "poll connection closed prematurely")

    async def _on_poll(self, request: Request, body: Body) -> Response:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()

        def respond(response: Response) -> None:
            if not answer.done():
                answer.set_result(response)

        self.poll(request, respond)
        if answer.done():
            return answer.result()
        watch = loop.create_task(self._watch(request, respond, body))
        try:
            return await answer
        finally:
            watch.cancel()
            if self._poll is not None and self._poll[0] is request:
                self._poll = None

    async def _watch(self, request: Request, respond: Respond, body: Body) -> None:
        """Wait for the client to go away."""
        while await body() is not None:
            pass
        respond(Response(400))
        self.abandon_poll(request)

    async def _on_data(self, request: Request, body: Body) -> Response:
        refused = self._refuse_data(request)
        if refused is not None:
            return refused
        reader = self._reader = asyncio.current_task()
        try:
            data = await self._read(body)
        except asyncio.CancelledError:
            if reader is None or not self._closed:
                raise
            # It was us: the session has ended, and nobody will read the rest of the body.
            reader.uncancel()
            return Response(400)
        finally:
            self._reader = None
        return data if isinstance(data, Response) else await self._take_in_slices(request, data)

    async def _take_in_slices(self, request: Request, data: bytes) -> Response:
        """Take a body, and let others have their turn if its packets are many."""
        packets = self._unpack(request, data)
        self._taking = True
        try:
            while (taken := not self._closed and self._receive(packets, _SLICE)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            # The session cannot go on with a gap.
            self.owner.transport_failed(self, "data request connection closed prematurely")
            raise
        finally:
            self._taking = False
        return self._acknowledge(request) if taken else Response(400)

    def data(self, request: Request, body: bytes) -> Response:
        """Take the whole body of a POST request, all in one turn: it has come in one read from the network."""
        refused = self._refuse_data(request)
        if refused is not None:
            return refused
        if len(body) > self._options.max_http_buffer_size:
            return Response(413)
        packets = self._unpack(request, body)
        taken = not self._closed and self._receive(packets)
        return self._acknowledge(request) if taken else Response(400)

    def _refuse_data(self, request: Request) -> Response | None:
        """Answer a POST request of which nothing needs to be read."""
        if self._reader is not None or self._taking:
            self.owner.transport_failed(self, "data request overlap from client")
            return Response(400)
        if self._protocol == 4 and request.header(b"content-type") == _OCTETS:
            self.owner.transport_failed(self, "invalid content")
            return Response(400)
        return None

    def _acknowledge(self, request: Request) -> Response:
        # text/html because some browsers offer text/plain as a download.
        return self._finish(request, Response(200, b"ok", {"content-type": "text/html"}))

    async def _read(self, body: Body) -> bytes | Response:
        limit = self._options.max_http_buffer_size
        pieces: list[bytes] = []
        size = 0
        while piece := await body():
            size += len(piece)
            if size > limit:
                return Response(413)
            pieces.append(piece)
        if piece is None:
            self.owner.transport_failed(self, "data request connection closed prematurely")
            return Response(400)
        return b"".join(pieces)

    def _unpack(self, request: Request, data: bytes) -> Iterator[Packet | bytes]:
        """Begin with a body; the packets are decoded as they are taken."""
        if not self.heard:
            self.heard = True
            if self._unsent and self._poll is not None:
                self._flusher.add(self)
        binary = self._protocol == 3 and request.header(b"content-type") == _OCTETS
        if self._jsonp is not None:
            data = _unwrap_jsonp(data)
        elif not binary:
            data = _repair(data)
        if self._protocol == 3:
            return v3.decode_payload(data, binary=binary)
        if data[:1] == MESSAGE and SEPARATOR not in data:
            # One message, as in nearly all bodies: it goes the way that it would go on a WebSocket.
            return iter((data,))
        return decode_payload(data)

    def _receive(self, packets: Iterator[Packet | bytes], most: float = math.inf) -> bool | None:
        """Hand so many packets of a body over.

        Returns:
            True if all were taken that are wanted, None if there may be more, False if one was none.
        """
        owner = self.owner
        try:
            for count, packet in enumerate(packets, 1):
                if isinstance(packet, bytes):
                    owner.receive_text(packet)
                elif packet.type is _CLOSE_TYPE:
                    # The pending poll ends with a noop, as the client closes of its own will.
                    self.release()
                    owner.transport_closed(self)
                    return True
                elif not self._closing:
                    owner.receive_packet(packet)
                if self._closed:
                    return True
                if count == most:
                    return None
        except PacketError as error:
            owner.receive_error(error)
            return False
        return True

    def _finish(self, request: Request, response: Response) -> Response:
        """Add what every good response of the session has."""
        headers = response.headers
        compression = self._options.compression
        if response.compressible and compression is not None and len(response.body) >= compression.threshold:
            accepted = request.header(b"accept-encoding") or ""
            response.body = compress_body(response.body, headers, accepted, compression)
        agent = request.header(b"user-agent")
        if agent is not None and (";MSIE" in agent or "Trident/" in agent):
            headers["x-xss-protection"] = "0"
        headers["cache-control"] = "no-store"
        return response

    # How it ends

    def close(self) -> bool:
        """Tell the client with the pending poll, or with the next one."""
        if self._poll is not None and not self._unsent:
            self._unsent.append(CLOSE)
            self._end()
            return True
        # In one payload with messages the JavaScript client handles the close packet first, and they are lost.
        self._closing = True
        self.flush()
        return False

    def discard(self) -> None:
        """End at once; a pending poll is told."""
        if not self._closed:
            if not self._closing and not self._unsent:
                self._unsent.append(CLOSE)
            self._end()

    def retire(self) -> list[WirePacket]:
        """End because another transport takes over; return what has not been sent.

        A poll that is pending now came after the client had said that it upgrades, and has overtaken that.
        """
        unsent = self._take_unsent()
        self._closed = True
        self._abort_reader()
        poll, self._poll = self._poll, None
        if poll is not None:
            _, respond = poll
            respond(Response(400))
        self._waiters.release()
        return unsent

    def _end(self) -> None:
        self._closed = True
        self._closing = False
        self._abort_reader()
        self._answer()
        self._take_unsent()
        self._waiters.release()

    def _abort_reader(self) -> None:
        """Do not wait for the rest of a body that nobody wants."""
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()


def _repair(body: bytes) -> bytes:
    """Replace what is not UTF-8, as the official server does; only WebSocket closes for it."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body


_ESCAPED_NEWLINE = re.compile(rb"(\\)?\\n")


def _unwrap_jsonp(body: bytes) -> bytes:
    """Take the payload out of the form that a JSONP client posts, where newlines are escaped."""
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    data = form.get("d", [""])[-1].encode()
    data = _ESCAPED_NEWLINE.sub(lambda match: match[0] if match[1] else b"\n", data)
    return data.replace(b"\\\\n", b"\\n")
