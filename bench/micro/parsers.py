"""The parsers: a small event with 64 bytes of text, as in all our benchmarks, in each form that it may have."""

from __future__ import annotations

from bench.micro.workload import Run

from antiphon.socketio import json_parser
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.socketio.packet import Packet, PacketType

__all__ = [
    "PAYLOAD",
    "decode_binary_event",
    "decode_event",
    "decode_event_of_a_namespace",
    "decode_event_with_id",
    "decode_msgpack",
    "encode_ack",
    "encode_binary_event",
    "encode_event",
    "encode_event_of_a_namespace",
    "encode_event_with_id",
    "encode_msgpack",
]

PAYLOAD = "x" * 64
_JSON = b'["echo","%s"]' % PAYLOAD.encode()
_PACKET = Packet(PacketType.EVENT, "/", ["echo", PAYLOAD])


def decode_event() -> Run:
    def run(count: int) -> None:
        decode = json_parser.decode_event
        for _ in range(count):
            decode(_JSON)

    return run


def decode_event_with_id() -> Run:
    return _decode(b"217" + _JSON)


def decode_event_of_a_namespace() -> Run:
    return _decode(b"2/chat," + _JSON)


def _decode(text: bytes) -> Run:
    add = JSONParser().decoder().add_text

    def run(count: int) -> None:
        for _ in range(count):
            add(text)

    return run


def decode_binary_event() -> Run:
    text = b'51-["echo",{"_placeholder":true,"num":0}]'
    attachment = PAYLOAD.encode()
    decoder = JSONParser().decoder()

    def run(count: int) -> None:
        for _ in range(count):
            decoder.add_text(text)
            decoder.add_binary(attachment)

    return run


def encode_event() -> Run:
    encode = JSONParser().encode_payload

    def run(count: int) -> None:
        for _ in range(count):
            encode(["echo", PAYLOAD])

    return run


def encode_event_with_id() -> Run:
    return _encode(_PACKET._replace(id=17))


def encode_event_of_a_namespace() -> Run:
    return _encode(_PACKET._replace(nsp="/chat"))


def encode_ack() -> Run:
    return _encode(Packet(PacketType.ACK, "/", [PAYLOAD], 17))


def encode_binary_event() -> Run:
    return _encode(_PACKET._replace(data=["echo", PAYLOAD.encode()]))


def _encode(packet: Packet) -> Run:
    encode = JSONParser().encode

    def run(count: int) -> None:
        for _ in range(count):
            encode(packet)

    return run


def encode_msgpack() -> Run:
    encode = MsgPackParser().encode

    def run(count: int) -> None:
        for _ in range(count):
            encode(_PACKET)

    return run


def decode_msgpack() -> Run:
    parser = MsgPackParser()
    message = parser.encode(_PACKET).attachments[0]
    add = parser.decoder().add_binary

    def run(count: int) -> None:
        for _ in range(count):
            add(message)

    return run
