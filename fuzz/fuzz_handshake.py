"""Fuzz the rules of the handshake. The input is ``method, flags, origin, query`` with a zero byte between them."""

from urllib.parse import parse_qsl

from harness import accept, run

from antiphon.engineio.handshake import HandshakeRequest, check_protocol, verify
from antiphon.types import TransportName

TRANSPORTS: tuple[TransportName, ...] = ("polling", "websocket")


def one_input(data: bytes) -> None:
    method, flags, origin, query_string = [*data.decode("latin-1").split("\0", 3), "", "", "", ""][:4]
    query = dict(parse_qsl(query_string, keep_blank_values=True))
    request = HandshakeRequest(method, query, upgrade="u" in flags, origin=origin if "o" in flags else None)
    session_transport = "polling" if "p" in flags else "websocket" if "w" in flags else None
    accept(lambda: verify(request, transports=TRANSPORTS, session_transport=session_transport))
    assert accept(lambda: check_protocol(query, allow_eio3="3" in flags)) in (None, 3, 4)


if __name__ == "__main__":
    run(one_input)
