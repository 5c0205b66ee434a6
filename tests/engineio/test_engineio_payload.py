import pytest

from antiphon.engineio.packet import Binary, Packet, PacketType
from antiphon.engineio.payload import SEPARATOR, decode_payload, encode_payload
from antiphon.errors import PacketError


def test_packets_are_joined_by_the_record_separator_and_binary_becomes_base64():
    assert encode_payload([b"4hello", b"2", Binary(b"\x01\x02\x03\x04")]) == b"4hello\x1e2\x1ebAQIDBA=="


def test_one_packet_has_no_separator():
    assert encode_payload([b"6"]) == b"6"
    assert encode_payload([]) == b""


def test_a_payload_is_split_into_its_packets_in_order():
    assert list(decode_payload("4€\x1e2\x1ebAQID".encode())) == [
        Packet(PacketType.MESSAGE, "€".encode()),
        Packet(PacketType.PING),
        Packet(PacketType.MESSAGE, b"\x01\x02\x03", binary=True),
    ]


@pytest.mark.parametrize(
    "body", [b"", SEPARATOR, b"4a" + SEPARATOR, SEPARATOR + b"4a", b"4a\x1e\x1e4b", b"4a\x1ex", b"bA"]
)
def test_a_payload_with_something_in_it_that_is_no_packet_is_refused(body):
    with pytest.raises(PacketError):
        list(decode_payload(body))


def test_the_packets_before_the_broken_one_are_yielded():
    packets = decode_payload(b"4a\x1ex\x1e4b")
    assert next(packets) == Packet(PacketType.MESSAGE, b"a")
    with pytest.raises(PacketError):
        next(packets)
