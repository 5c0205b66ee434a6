"""Compression of WebSocket messages. The library ``websockets`` negotiates, compresses and inflates.

Source: RFC 7692.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from picows import WSFrame, WSMsgType, WSTransport
from websockets.exceptions import InvalidHeader, NegotiationError, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate as Codec
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

from antiphon.common.deflate import PerMessageDeflate
from antiphon.engineio.v3 import BINARY_MESSAGE
from antiphon.server.fanout import Message, binary_frame, text_frame
from antiphon.uvicorn._picows_connection import LARGE, PicowsConnection

__all__ = ["Accepted", "DeflatedConnection", "negotiate"]

_OPCODES = {WSMsgType.TEXT: Opcode.TEXT, WSMsgType.BINARY: Opcode.BINARY, WSMsgType.CONTINUATION: Opcode.CONT}
_RSV1 = 0x40
_INCOMPLETE = "a new message before the last one was complete"


class Accepted(NamedTuple):
    """An offer of the client that was accepted.

    Attributes:
        header: the value of ``Sec-WebSocket-Extensions`` in the response.
        connection: makes the connection; takes the arguments of :class:`PicowsConnection`.
    """

    header: str
    connection: Callable[..., PicowsConnection]


def negotiate(offers: str, option: PerMessageDeflate) -> Accepted | None:
    """Accept the first offer that fits; None if there is none.

    Args:
        offers: the header ``Sec-WebSocket-Extensions`` of the request.
        option: what the server wants.
    """
    factory = ServerPerMessageDeflateFactory(
        server_no_context_takeover=option.server_no_context_takeover,
        client_no_context_takeover=option.client_no_context_takeover,
        server_max_window_bits=option.server_max_window_bits,
        client_max_window_bits=option.client_max_window_bits,
        compress_settings={"level": option.level, "memLevel": option.mem_level},
    )
    try:
        extensions = parse_extension(offers) if offers else []
    except InvalidHeader:
        return None
    for name, parameters in extensions:
        if name != factory.name:
            continue
        try:
            answer, codec = factory.process_request_params(parameters, [])
        except NegotiationError:
            continue
        header = build_extension([(name, answer)])
        return Accepted(header, partial(DeflatedConnection, codec=codec, threshold=option.threshold))
    return None


class DeflatedConnection(PicowsConnection):
    """A connection on which messages may be compressed.

    Args:
        codec: compresses and inflates.
        threshold: smaller messages (in bytes) are sent as they are.
    """

    __slots__ = ("_codec", "_inflated", "_is_text_message", "_threshold")

    def __init__(self, *, codec: Codec, threshold: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._codec = codec
        self._threshold = threshold
        self._inflated: bytearray | None = None
        self._is_text_message = False

    # What is sent

    def send_text(self, data: bytes) -> None:
        """Send a text packet."""
        self.send_message(Message(data))

    def send_message(self, message: Message) -> None:
        """Send a message and its attachments, compressed if they are large enough."""
        out = self._out
        if not out:
            self._flusher.add(self)
        if message.attachments:
            # What can be changed is copied now, for it is compressed later.
            message = Message(message.text, tuple(map(bytes, message.attachments)), compress=message.compress)
        out.append(message)
        size = message.size
        if self._paused or size > LARGE:
            self._account(size)

    def flush(self) -> None:
        """Compress and write what was collected. So the flusher's turns share the work out."""
        if not self._paused and not self._closing:
            self._compress()
        super().flush()

    def _end(self) -> None:
        self._compress()
        super()._end()

    def _compress(self) -> None:
        out = self._out
        out[:] = [frame for item in out for frame in (self._frames(item) if isinstance(item, Message) else (item,))]

    def _frames(self, message: Message) -> Iterator[bytes]:
        if message.text is not None:
            yield self._frame(Opcode.TEXT, message.text, compress=message.compress)
        lead = BINARY_MESSAGE if self._eio3 else b""
        for attachment in message.attachments:
            yield self._frame(Opcode.BINARY, lead + attachment, compress=message.compress)

    def _frame(self, opcode: Opcode, payload: bytes, *, compress: bool) -> bytes:
        build = text_frame if opcode is Opcode.TEXT else binary_frame
        if not compress or len(payload) < self._threshold:
            return build(payload)
        frame = build(bytes(self._codec.encode(Frame(opcode, payload)).data))
        return bytes((frame[0] | _RSV1,)) + frame[1:]

    # What arrives

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame that may be compressed."""
        opcode = _OPCODES.get(frame.msg_type)
        compressed = frame.rsv1 or (opcode is Opcode.CONT and self._inflated is not None)
        if opcode is None or not compressed or frame.rsv2 or frame.rsv3:
            if self._inflated is not None and (opcode is Opcode.TEXT or opcode is Opcode.BINARY):
                self.fail(1002, _INCOMPLETE)
                return
            super().on_ws_frame(transport, frame)
            return
        if not self.heard:
            self.hear()
        room = self._max_message_size - len(self._inflated or b"")
        try:
            inflated = self._codec.decode(
                Frame(opcode, frame.get_payload_as_bytes(), bool(frame.fin), bool(frame.rsv1)), max_size=max(room, 1)
            )
        except PayloadTooBig:
            self.fail(1009, "Max payload size exceeded")
        except ProtocolError as error:
            self.fail(1002, str(error))
        else:
            self._on_inflated(opcode, bytes(inflated.data), fin=bool(frame.fin))

    def _on_inflated(self, opcode: Opcode, data: bytes, *, fin: bool) -> None:
        if opcode is not Opcode.CONT:
            if self._inflated is not None or self._fragments is not None:
                self.fail(1002, _INCOMPLETE)
                return
            self._inflated = bytearray()
            self._is_text_message = opcode is Opcode.TEXT
        message = self._inflated
        if message is None:
            return
        message += data
        if len(message) > self._max_message_size:
            self.fail(1009, "Max payload size exceeded")
        elif fin:
            self._inflated = None
            self.deliver(bytes(message), is_text=self._is_text_message)
