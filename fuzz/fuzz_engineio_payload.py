"""Fuzz the payloads of Engine.IO 4."""

from harness import accept, run

from antiphon.engineio.packet import Binary
from antiphon.engineio.payload import decode_payload, encode_payload


def one_input(data: bytes) -> None:
    packets = accept(lambda: decode_payload(data))
    if isinstance(packets, list):
        wire = [Binary(packet.data) if packet.binary else b"%d%s" % (packet.type, packet.data) for packet in packets]
        assert list(decode_payload(encode_payload(wire))) == packets


if __name__ == "__main__":
    run(one_input)
