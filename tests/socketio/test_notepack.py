import struct
import sys

import ormsgpack
import pytest

from antiphon.errors import PacketError
from antiphon.socketio import notepack
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.socketio.packet import Packet, PacketType

EVENT = PacketType.EVENT


def decode(blob):
    return MsgPackParser().decoder().add_binary(blob)


AGREED = (
    "ca3fc00000 cb3ff8000000000000 ccff cdffff ceffffffff cfffffffffffffffff d0ff d1ffff d2ffffffff "
    "d3ffffffffffffffff d080 d3ff00000000000000 c0 c2 c3 00 7f e0 ff c400 c50001aa c600000001aa a0 "
    "a161 d900 d90161 da000161 db0000000161 a3e282ac 90 9101 dc000101 dd0000000101 dc0000 92910190 "
    "80 81a161c0 de0001a16101 df00000001a16101 82a16181a162c0a16390"
)


@pytest.mark.parametrize("encoded", AGREED.split())
def test_the_exact_decoder_agrees_with_another_one(encoded):
    data = bytes.fromhex(encoded)
    assert notepack.decode(data) == ([None] if data == b"\x91\xc0" else ormsgpack.unpackb(data))


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", "ends too early"),
        ("c1", "begins nothing"),
        ("a1", "ends too early"),
        ("a1ff", "in a text"),
        ("a3eda0bd", "in a text"),
        ("dc", "ends too early"),
        ("ddffffffff", "ends too early"),
        ("dfffffffff", "ends too early"),
        ("c6ffffffff", "ends too early"),
        ("c0c0", "1 trailing bytes"),
        ("9100c0", "1 trailing bytes"),
    ],
)
def test_the_exact_decoder_refuses_what_is_no_value(encoded, reason):
    with pytest.raises(PacketError, match=reason):
        notepack.decode(bytes.fromhex(encoded))


def test_the_exact_decoder_leaves_undefined_out_of_the_outermost_map_only():
    assert notepack.decode(bytes.fromhex("82a161d40000a16281a163d40000")) == {"b": {"c": None}}
    assert notepack.decode(bytes.fromhex("d40000")) is None


@pytest.mark.parametrize("head", [b"\x91", b"\x81\xa0"])
def test_nesting_is_bounded(head):
    assert notepack.decode(head * notepack.MAX_DEPTH + b"\x90")
    with pytest.raises(PacketError, match="nested too deeply"):
        notepack.decode(head * (notepack.MAX_DEPTH + 1) + b"\x90")
    with pytest.raises(PacketError):
        decode(b"\x83\xa4type\x02\xa4data\x92\xa1a" + head * 500_000 + b"\xa3nsp\xa1/")


MILLION = 980_000


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("00", 0),
        ("80", {}),
        ("a178", "x"),
        ("9180", [{}]),
        ("81a000", {"": 0}),
        ("d40100", [1, b"\0"]),
        ("d40000", None),
        ("d7000000000000000001", notepack.from_milliseconds(1)),
        ("c70100aa", b"\xaa"),
    ],
)
def test_a_message_of_very_many_values_is_read_exactly(item, value):
    count = MILLION // len(item)
    head = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd" + struct.pack(">I", count + 2) + b"\xa1x"
    packet = decode(head + b"\xd4\x00\x00" + bytes.fromhex(item) * count)
    assert packet == Packet(EVENT, "/", ["x", None, *[value] * count])


def test_the_exact_decoder_calls_no_function_for_a_small_value():
    # A call is what costs the most in Python, and a message may have a million values.
    data = b"\xdc\x03\xe8" + b"\x80\x01\xa1x\xc0" * 250
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        value = notepack.decode(data)
    finally:
        sys.setprofile(None)
    assert value == [{}, 1, "x", None] * 250
    assert calls <= 10


def test_without_an_ext_every_extension_is_a_fixext_and_no_exact_decoder_is_needed(monkeypatch):
    message = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x94\xa1x\xd4\x00\x00"
    dates = b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x01\xd5\x00ab"
    monkeypatch.delattr(notepack, "decode")
    assert decode(message + dates).data == ["x", None, notepack.from_milliseconds(1), [0, b"ab"]]
