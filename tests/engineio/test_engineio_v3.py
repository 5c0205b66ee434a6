import sys

import pytest

from antiphon.engineio.packet import Binary, Packet, PacketType
from antiphon.engineio.v3 import BINARY_MESSAGE, decode_binary, decode_payload, decode_text, encode_payload
from antiphon.errors import PacketError

MESSAGE = PacketType.MESSAGE


def text_payload(body):
    return list(decode_payload(body, binary=False))


def binary_payload(body):
    return list(decode_payload(body, binary=True))


def test_text_packets_are_those_of_revision_4():
    assert decode_text(b"4hello") == Packet(MESSAGE, b"hello")


def test_base64_has_a_type():
    assert decode_text(b"b4AQID") == Packet(MESSAGE, b"\x01\x02\x03", binary=True)


@pytest.mark.parametrize("encoded", [b"", b"b", b"b7AQID", b"b4A", b"7"])
def test_a_broken_text_packet_is_refused(encoded):
    with pytest.raises(PacketError):
        decode_text(encoded)


def test_binary_packets_begin_with_the_type_as_a_byte():
    assert decode_binary(BINARY_MESSAGE + b"\x01\x02") == Packet(MESSAGE, b"\x01\x02", binary=True)


@pytest.mark.parametrize("encoded", [b"", b"\x07", b"4"])
def test_a_broken_binary_packet_is_refused(encoded):
    with pytest.raises(PacketError):
        decode_binary(encoded)


def test_lengths_count_utf_16_code_units():
    body = "3:4€a4:4😀a1:2".encode()
    assert text_payload(body) == [
        Packet(MESSAGE, "€a".encode()),
        Packet(MESSAGE, "😀a".encode()),
        Packet(PacketType.PING),
    ]
    assert encode_payload(["4€a".encode(), "4😀a".encode(), b"2"], supports_binary=True) == (body, False)


def test_a_packet_may_contain_a_colon_and_characters_whose_bytes_look_like_one():
    # U+3A00 is 00 3A in UTF-16: the bytes of a colon, straddling two code units.
    packet = "4a:b\u3a00\u003a".encode()
    assert text_payload("6:4a:b㨀:".encode()) == [Packet(MESSAGE, packet[1:])]


def test_the_length_is_found_behind_a_misaligned_colon():
    with pytest.raises(PacketError, match="does not start with its length"):
        text_payload("\u3a00\u0000:".encode())


def test_a_packet_of_no_length_is_skipped():
    assert text_payload(b"0:2:4a") == [Packet(MESSAGE, b"a")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty payload"),
        (b"\xff", "invalid UTF-8"),
        (b"4a", "does not start with its length"),
        (b":4a", "does not start with its length"),
        (b"x:4a", "does not start with its length"),
        (b"-1:4a", "does not start with its length"),
        ("٢:4a".encode(), "does not start with its length"),
        (b"00000000000000002:4a", "does not start with its length"),
        (b"3:4a", "shorter than its length"),
        (b"2:4a5", "does not start with its length"),
        ("2:4😀".encode(), "cuts a character in two"),
        (b"1:7", "unknown Engine.IO packet type"),
    ],
)
def test_a_broken_text_payload_is_refused(body, reason):
    with pytest.raises(PacketError, match=reason):
        text_payload(body)


def test_a_length_may_have_sixteen_digits():
    assert text_payload(b"0000000000000002:4a") == [Packet(MESSAGE, b"a")]


def test_a_binary_payload_is_framed_in_bytes():
    body = b"\x00\x04\xff4\xe2\x82\xac\x01\x03\xff\x04\x01\x02\x00\x01\x00\xff4123456789"
    assert encode_payload(["4€".encode(), Binary(b"\x01\x02"), b"4123456789"], supports_binary=True) == (
        b"\x00\x04\xff4\xe2\x82\xac\x01\x03\xff\x04\x01\x02\x00\x01\x00\xff4123456789",
        True,
    )
    assert binary_payload(body) == [
        Packet(MESSAGE, "€".encode()),
        Packet(MESSAGE, b"\x01\x02", binary=True),
        Packet(MESSAGE, b"123456789"),
    ]


def test_binary_becomes_base64_for_a_client_that_asks_for_it():
    assert encode_payload([b"4a", Binary(b"\x01\x02\x03")], supports_binary=False) == (b"2:4a6:b4AQID", False)
    assert text_payload(b"2:4a6:b4AQID") == [Packet(MESSAGE, b"a"), Packet(MESSAGE, b"\x01\x02\x03", binary=True)]


def test_text_alone_makes_a_text_payload():
    assert encode_payload([b"4a"], supports_binary=True) == (b"2:4a", False)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x02\x01\xff4", "does not start with its kind"),
        (b"\x00", "does not start with its kind"),
        (b"\x00\xff4", "does not start with its kind"),
        (b"\x00\x0a\xff4", "does not start with its kind"),
        (b"\x00\x01", "does not start with its kind"),
        (b"\x00" + b"\x00" * 17 + b"\xff", "does not start with its kind"),
        (b"\x00\x02\xff4", "shorter than its length"),
        (b"\x00\x00\xff", "unknown Engine.IO packet type"),
        (b"\x01\x00\xff", "unknown Engine.IO packet type"),
    ],
)
def test_a_broken_binary_payload_is_refused(body, reason):
    with pytest.raises(PacketError, match=reason):
        binary_payload(body)


def test_a_binary_payload_may_be_empty():
    assert binary_payload(b"") == []


def test_very_many_packets_of_no_length_are_skipped_at_once():
    # In a body of a megabyte there may be half a million, and a server does nothing else meanwhile.
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "c_call"

    body = b"0:" * 1_000 + b"00:2:4a" + b"0:" * 1_000
    sys.setprofile(count)
    try:
        packets = text_payload(body)
    finally:
        sys.setprofile(None)
    assert packets == [Packet(MESSAGE, b"a")]
    assert calls < 50


@pytest.mark.parametrize(
    "texts", [["😀", "a", "€"], ["\ufeff😀", "\ufeff"], ["a:😀:b", "3:4a"], ["\ue000\uffff", "\U0010ffff:"], ["", ":"]]
)
def test_lengths_are_right_whatever_characters_the_payload_has(texts):
    packets = [b"4" + text.encode() for text in texts]
    body, binary = encode_payload(packets, supports_binary=True)
    assert not binary
    assert text_payload(body) == [Packet(MESSAGE, text.encode()) for text in texts]


@pytest.mark.parametrize("body", ["2:4😀1:2", "1:😀", "2:😀", "2:4😀😀", "3:4😀😀"])
def test_a_character_outside_of_the_basic_plane_is_two_code_units(body):
    with pytest.raises(PacketError):
        text_payload(body.encode())
