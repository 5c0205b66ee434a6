"""Fuzz the packets of Engine.IO 4."""

from harness import accept, run

from antiphon.engineio.packet import Packet, decode_base64, decode_text, encode_base64


def one_input(data: bytes) -> None:
    packet = accept(lambda: decode_text(data))
    if isinstance(packet, Packet) and packet.binary:
        assert packet.data == decode_base64(data[1:])
    elif isinstance(packet, Packet):
        assert b"%d%s" % (packet.type, packet.data) == data
    decoded = accept(lambda: decode_base64(data))
    if isinstance(decoded, bytes):
        assert decode_base64(encode_base64(decoded)) == decoded


if __name__ == "__main__":
    run(one_input)
