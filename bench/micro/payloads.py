"""The bodies of HTTP long-polling: ten packets, two of them binary."""

from __future__ import annotations

from bench.micro.parsers import PAYLOAD
from bench.micro.workload import Run

from antiphon.engineio.packet import Binary, WirePacket
from antiphon.engineio.payload import decode_payload, encode_payload

__all__ = ["join_payload", "split_payload"]

_PACKETS: list[WirePacket] = [b'42["echo","%s"]' % PAYLOAD.encode()] * 8 + [Binary(PAYLOAD.encode())] * 2


def join_payload() -> Run:
    def run(count: int) -> None:
        for _ in range(count):
            encode_payload(_PACKETS)

    return run


def split_payload() -> Run:
    body = encode_payload(_PACKETS)

    def run(count: int) -> None:
        for _ in range(count):
            list(decode_payload(body))

    return run
