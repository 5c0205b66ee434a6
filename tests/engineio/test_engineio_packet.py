import pytest

from antiphon.engineio.packet import (
    CLOSE,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE_PING,
    PROBE_PONG,
    UPGRADE,
    Binary,
    Packet,
    PacketType,
    decode_base64,
    decode_text,
    encode_base64,
)
from antiphon.errors import PacketError


@pytest.mark.parametrize("kind", PacketType)
def test_the_first_byte_is_the_type_and_the_rest_the_data(kind):
    assert decode_text(b"%ddata" % kind) == Packet(kind, b"data", binary=False)


@pytest.mark.parametrize("kind", PacketType)
def test_the_data_may_be_empty(kind):
    assert decode_text(b"%d" % kind) == Packet(kind)


@pytest.mark.parametrize(
    ("wire", "packet"),
    [
        (CLOSE, Packet(PacketType.CLOSE)),
        (PING, Packet(PacketType.PING)),
        (PONG, Packet(PacketType.PONG)),
        (MESSAGE, Packet(PacketType.MESSAGE)),
        (UPGRADE, Packet(PacketType.UPGRADE)),
        (NOOP, Packet(PacketType.NOOP)),
        (PROBE_PING, Packet(PacketType.PING, b"probe")),
        (PROBE_PONG, Packet(PacketType.PONG, b"probe")),
    ],
)
def test_the_constants_are_the_packets_that_they_are_named_after(wire, packet):
    assert decode_text(wire) == packet


def test_text_may_be_a_binary_message_in_base64():
    assert decode_text(b"bAQID") == Packet(PacketType.MESSAGE, b"\x01\x02\x03", binary=True)
    assert decode_text(b"b") == Packet(PacketType.MESSAGE, b"", binary=True)
    with pytest.raises(PacketError, match="invalid base64"):
        decode_text(b"bA")


@pytest.mark.parametrize("encoded", [b"", b"7", b"9x", b"/", b":", b"\x00", b"\xff", b" 4", "٤".encode()])
def test_anything_but_a_digit_from_0_to_6_is_no_type(encoded):
    with pytest.raises(PacketError, match=r"unknown Engine\.IO packet type"):
        decode_text(encoded)


@pytest.mark.parametrize(
    ("encoded", "data"),
    [
        (b"", b""),
        (b"AQIDBA==", b"\x01\x02\x03\x04"),
        (b"AQIDBA", b"\x01\x02\x03\x04"),
        (b"AQIDBA=", b"\x01\x02\x03\x04"),
        (b"-_-_", b"\xfb\xff\xbf"),
        (b"+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_base64_is_read_with_and_without_padding_and_in_both_alphabets(encoded, data):
    assert decode_base64(encoded) == data


@pytest.mark.parametrize("encoded", [b"A", b"AQIDB", b"A===="])
def test_a_number_of_base64_digits_that_stands_for_no_bytes_is_refused(encoded):
    with pytest.raises(PacketError, match="invalid base64"):
        decode_base64(encoded)


def test_base64_is_written_with_padding_and_without_a_line_end():
    assert encode_base64(b"\x01\x02\x03\x04") == b"AQIDBA=="


def test_binary_messages_are_equal_if_their_data_is():
    assert Binary(b"a") == Binary(b"a")
    assert Binary(b"a") != Binary(b"b")
    assert Binary(b"a") != b"a"
    assert len({Binary(b"a"), Binary(b"a"), Binary(b"b")}) == 2
    assert repr(Binary(b"a")) == "Binary(b'a')"


@pytest.mark.parametrize("encoded", [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"b"])
def test_a_packet_of_one_byte_is_not_made_anew(encoded):
    # A body may hold half a million of them.
    packet = decode_text(encoded)
    assert packet is decode_text(bytes([encoded[0]]))
    assert packet == Packet(PacketType(4 if encoded == b"b" else int(encoded)), b"", encoded == b"b")
