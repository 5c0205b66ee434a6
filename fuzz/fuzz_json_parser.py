"""Fuzz the JSON parser with a sequence of messages.

The input is cut at each 0xff, which cannot be part of a text; a message that begins with 0xfe is a binary one.
"""

from harness import accept, run

from antiphon.socketio.json_parser import JSONDecoder
from antiphon.socketio.packet import Packet


def one_input(data: bytes) -> None:
    decoder = JSONDecoder()
    for message in data.split(b"\xff"):
        if message[:1] == b"\xfe":
            packet = accept(lambda: decoder.add_binary(message[1:]))  # noqa: B023 - called at once
        else:
            packet = accept(lambda: decoder.add_text(message))  # noqa: B023 - called at once
        if isinstance(packet, Packet):
            assert 0 <= packet.type <= 4


if __name__ == "__main__":
    run(one_input)
