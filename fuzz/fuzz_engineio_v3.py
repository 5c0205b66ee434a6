"""Fuzz the packets and payloads of Engine.IO 3."""

from harness import accept, run

from antiphon.engineio.v3 import decode_binary, decode_payload, decode_text


def one_input(data: bytes) -> None:
    accept(lambda: decode_text(data))
    accept(lambda: decode_binary(data))
    accept(lambda: decode_payload(data, binary=False))
    accept(lambda: decode_payload(data, binary=True))


if __name__ == "__main__":
    run(one_input)
