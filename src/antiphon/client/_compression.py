"""Compression of the WebSocket messages of a client. The library ``websockets`` negotiates, compresses and inflates.

Source: RFC 7692; JavaScript: the option ``perMessageDeflate`` of the client.
"""

from __future__ import annotations

from typing import Final

from websockets.exceptions import InvalidHeader, NegotiationError, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.extensions.permessage_deflate import PerMessageDeflate as Codec
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

from antiphon.common.deflate import PerMessageDeflate
from antiphon.errors import RemoteProtocolError

__all__ = ["HEADER", "Compression", "Offer"]

HEADER: Final = "Sec-WebSocket-Extensions"


class Offer:
    """What a client offers in its handshake.

    Args:
        option: what the user wants.
    """

    def __init__(self, option: PerMessageDeflate) -> None:
        self._option = option
        self._factory = ClientPerMessageDeflateFactory(
            server_no_context_takeover=option.server_no_context_takeover,
            client_no_context_takeover=option.client_no_context_takeover,
            server_max_window_bits=option.server_max_window_bits,
            client_max_window_bits=option.client_max_window_bits or True,
            compress_settings={"level": option.level, "memLevel": option.mem_level},
        )

    @property
    def header(self) -> str:
        """The value of ``Sec-WebSocket-Extensions``."""
        return build_extension([(self._factory.name, list(self._factory.get_request_params()))])

    def accepted(self, header: str) -> Compression:
        """Return the compression that the server has agreed to.

        Args:
            header: ``Sec-WebSocket-Extensions`` of the response.

        Raises:
            RemoteProtocolError: it has agreed to something else.
        """
        try:
            [(name, parameters)] = parse_extension(header)
            if name != self._factory.name:
                raise RemoteProtocolError(f"the server wants to use {name}, which was not offered")
            return Compression(self._factory.process_response_params(parameters, []), self._option.threshold)
        except (InvalidHeader, NegotiationError, ValueError) as error:
            raise RemoteProtocolError(
                f"the server has answered the offer to compress with {header!r}: {error}"
            ) from None


class Compression:
    """Compresses and inflates the messages of one connection.

    Args:
        codec: does it.
        threshold: smaller messages (in bytes) are sent as they are.
    """

    def __init__(self, codec: Codec, threshold: int) -> None:
        self._codec = codec
        self.threshold: int = threshold

    def deflate(self, data: bytes, *, binary: bool) -> bytes:
        """Compress a message."""
        return bytes(self._codec.encode(Frame(Opcode.BINARY if binary else Opcode.TEXT, data)).data)

    def inflate(self, data: bytes, max_size: int) -> bytes:
        """Inflate a message, whole, although it may have come in several frames.

        Raises:
            RemoteProtocolError: it cannot be, or becomes larger than ``max_size`` bytes.
        """
        try:
            return bytes(self._codec.decode(Frame(Opcode.BINARY, data, rsv1=True), max_size=max_size).data)
        except PayloadTooBig:
            raise RemoteProtocolError(f"a message of more than {max_size} bytes") from None
        except ProtocolError as error:
            raise RemoteProtocolError(f"a message cannot be inflated: {error}") from None
