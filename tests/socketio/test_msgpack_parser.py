import math
import struct
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction

import ormsgpack
import pytest

from antiphon.errors import ConfigurationError, EncodeError, PacketError
from antiphon.socketio import notepack
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.socketio.packet import MAX_ACK_ID, RESERVED_EVENTS, Packet, PacketType

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = list(PacketType)[:5]
UNDEFINED = ormsgpack.Ext(0, b"\x00")


def encode(packet, **options):
    encoded = MsgPackParser(**options).encode(packet)
    assert encoded.text is None
    (blob,) = encoded.attachments
    return blob


def encode_argument(value, **options):
    """Return how a value is written as the first argument of an event."""
    blob = encode(Packet(EVENT, "/", ["a", value]), **options)
    head, tail = b"\x83\xa4type\x02\xa4data\x92\xa1a", b"\xa3nsp\xa1/"
    assert blob.startswith(head)
    assert blob.endswith(tail)
    return blob[len(head) : -len(tail)]


def decode(blob):
    return MsgPackParser().decoder().add_binary(blob)


def decode_message(**message):
    return decode(ormsgpack.packb(message))


def decode_argument(encoded):
    """Read a value as the first argument of an event."""
    return decode(b"\x83\xa4type\x02\xa4data\x92\xa1a" + encoded + b"\xa3nsp\xa1/").data[1]


def date_of(milliseconds):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


PACKETS = [
    (Packet(CONNECT), {"type": 0, "nsp": "/"}),
    (Packet(CONNECT, "/x", {"token": "y"}), {"type": 0, "data": {"token": "y"}, "nsp": "/x"}),
    (Packet(DISCONNECT), {"type": 1, "nsp": "/"}),
    (Packet(EVENT, "/", ["a", 1]), {"type": 2, "data": ["a", 1], "nsp": "/"}),
    (Packet(EVENT, "/", ["a", b"x"], 0), {"type": 2, "data": ["a", b"x"], "nsp": "/", "id": 0}),
    (Packet(ACK, "/", [], MAX_ACK_ID), {"type": 3, "data": [], "nsp": "/", "id": MAX_ACK_ID}),
    (Packet(CONNECT_ERROR, "/", "no"), {"type": 4, "data": "no", "nsp": "/"}),
    (Packet(CONNECT_ERROR, "/", {"message": "no"}), {"type": 4, "data": {"message": "no"}, "nsp": "/"}),
]


@pytest.mark.parametrize(("packet", "message"), PACKETS)
def test_a_packet_is_one_map_and_absent_keys_are_left_out(packet, message):
    assert ormsgpack.unpackb(encode(packet)) == message


@pytest.mark.parametrize(("packet", "message"), PACKETS)
def test_a_map_is_read_as_a_packet(packet, message):
    assert decode(ormsgpack.packb(message)) == packet
    assert decode(encode(packet)) == packet


def test_further_keys_are_ignored():
    assert decode_message(type=2, data=["a"], nsp="/", options={"compress": True}) == Packet(EVENT, "/", ["a"])


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        ({"type": 1, "nsp": "/", "data": UNDEFINED}, Packet(DISCONNECT)),
        ({"type": 0, "nsp": "/", "data": UNDEFINED, "id": UNDEFINED}, Packet(CONNECT)),
        ({"type": 2, "nsp": "/", "data": ["a"], "id": UNDEFINED}, Packet(EVENT, "/", ["a"])),
        ({"type": 2.0, "nsp": "/", "data": ["a"], "id": 5.0}, Packet(EVENT, "/", ["a"], 5)),
        ({"type": 2, "nsp": "/", "data": ["a"], "id": -1}, Packet(EVENT, "/", ["a"], -1)),
        ({"type": 2, "nsp": "/", "data": [1]}, Packet(EVENT, "/", [1])),
        ({"type": 3, "nsp": "/", "data": ["connect"], "id": 1}, Packet(ACK, "/", ["connect"], 1)),
        ({"type": 2, "nsp": "/", "data": ["a", UNDEFINED, None]}, Packet(EVENT, "/", ["a", None, None])),
    ],
)
def test_what_the_official_decoder_takes_is_taken(message, packet):
    decoded = decode(ormsgpack.packb(message))
    assert decoded == packet
    assert decoded.id is None or type(decoded.id) is int


def test_an_undefined_value_takes_an_earlier_one_away():
    assert decode(b"\x84\xa4type\x01\xa3nsp\xa1/\xa2id\x05\xa2id\xd4\x00\x00") == Packet(DISCONNECT)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"nsp": "/"},
        {"type": -1, "nsp": "/"},
        {"type": 5, "nsp": "/", "data": ["a"]},
        {"type": 1.5, "nsp": "/"},
        {"type": math.nan, "nsp": "/"},
        {"type": True, "nsp": "/"},
        {"type": "1", "nsp": "/"},
        {"type": None, "nsp": "/"},
        {"type": [1], "nsp": "/"},
        {"type": 2**63, "nsp": "/"},
        {"type": 1},
        {"type": 1, "nsp": None},
        {"type": 1, "nsp": 1},
        {"type": 1, "nsp": b"/"},
        {"type": 0, "nsp": "/", "data": None},
        {"type": 0, "nsp": "/", "data": []},
        {"type": 0, "nsp": "/", "data": "x"},
        {"type": 1, "nsp": "/", "data": None},
        {"type": 1, "nsp": "/", "data": {}},
        {"type": 2, "nsp": "/"},
        {"type": 2, "nsp": "/", "data": UNDEFINED},
        {"type": 2, "nsp": "/", "data": None},
        {"type": 2, "nsp": "/", "data": {}},
        {"type": 2, "nsp": "/", "data": []},
        {"type": 2, "nsp": "/", "data": [None]},
        {"type": 2, "nsp": "/", "data": [UNDEFINED]},
        {"type": 2, "nsp": "/", "data": [True]},
        {"type": 3, "nsp": "/"},
        {"type": 3, "nsp": "/", "data": "x"},
        {"type": 4, "nsp": "/"},
        {"type": 4, "nsp": "/", "data": None},
        {"type": 4, "nsp": "/", "data": []},
        {"type": 2, "nsp": "/", "data": ["a"], "id": None},
        {"type": 2, "nsp": "/", "data": ["a"], "id": 1.5},
        {"type": 2, "nsp": "/", "data": ["a"], "id": math.inf},
        {"type": 2, "nsp": "/", "data": ["a"], "id": "1"},
        {"type": 2, "nsp": "/", "data": ["a"], "id": True},
        {"type": 2, "nsp": "/", "data": ["a"], "id": MAX_ACK_ID + 1},
        {"type": 2, "nsp": "/", "data": ["a"], "id": 1e300},
        {"type": 2, "nsp": "/", "data": ["a"], "id": -(2**60)},
        *({"type": 2, "nsp": "/", "data": [name]} for name in sorted(RESERVED_EVENTS)),
    ],
)
def test_what_the_official_decoder_refuses_is_refused(message):
    with pytest.raises(PacketError):
        decode(ormsgpack.packb(message))


@pytest.mark.parametrize("value", [None, UNDEFINED, 1, "a", [], [1, "/"], b"", ormsgpack.Ext(0, bytes(8))])
def test_what_is_no_map_is_refused(value):
    with pytest.raises(PacketError, match="must be a map"):
        decode(ormsgpack.packb(value))


def test_text_is_refused():
    with pytest.raises(PacketError, match="instead of MessagePack"):
        MsgPackParser().decoder().add_text(b'2["a"]')


GOOD = ormsgpack.packb({"type": 2, "data": ["a", UNDEFINED], "nsp": "/"})
PLAIN = ormsgpack.packb({"type": 2, "data": ["a"], "nsp": "/"})
END = b"\xb0\x1eend of message\x1e"


@pytest.mark.parametrize("blob", [GOOD, PLAIN])
@pytest.mark.parametrize(
    "trailing", [b"\xc0", b"\xc1", END, END + b"\xc0", b"\xda\x00\x10" + END[1:], END[:-1], PLAIN, b"\x91"]
)
def test_trailing_bytes_are_refused(blob, trailing):
    assert decode(blob)
    with pytest.raises(PacketError):
        decode(blob + trailing)


@pytest.mark.parametrize("blob", [GOOD, PLAIN])
def test_a_message_cut_short_is_refused(blob):
    for end in range(len(blob)):
        with pytest.raises(PacketError):
            decode(blob[:end])


def test_a_message_may_contain_the_text_that_marks_its_end():
    mark = END[1:].decode()
    assert decode_message(type=2, data=["a", mark], nsp="/").data == ["a", mark]


# The first columns of msgpack-vectors.txt: what notepack 2.2 writes, and what it means in Python.
VECTORS = [
    ("d40000", None),
    ("81a161d40000", {"a": None}),
    ("91d40000", [None]),
    ("d7000000018bcfe56800", date_of(1_700_000_000_000)),
    ("d7000000018bcfe5687b", date_of(1_700_000_000_123)),
    ("d700ffffffffffffffff", date_of(-1)),
    ("c40101", b"\x01"),
    ("c7010001", b"\x01"),
    ("c7040001002c01", b"\x01\x00\x2c\x01"),
    ("cb3ff8000000000000", 1.5),
    ("01", 1),
    ("ff", -1),
    ("ccff", 255),
    ("cf0000000100000000", 2**32),
    ("cf001fffffffffffff", 2**53 - 1),
    ("cf0020000000000000", 2**53),
    ("cb7ff8000000000000", math.nan),
    ("a14a", "J"),
    ("80", {}),
]


@pytest.mark.parametrize(("encoded", "value"), VECTORS)
def test_what_notepack_writes_is_read(encoded, value):
    decoded = decode_argument(bytes.fromhex(encoded))
    assert type(decoded) is type(value)
    assert repr(decoded) == repr(value)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [vector for vector in VECTORS if "d40000" not in vector[0] and not vector[0].startswith("c7")],
)
def test_what_python_writes_is_what_notepack_writes(encoded, value):
    assert encode_argument(value).hex() == encoded


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 8, 9, 16, 255, 256, 65536])
def test_an_arraybuffer_of_any_size_is_bytes(size):
    data = bytes(index % 251 for index in range(size))
    heads = [b"\xc9" + struct.pack(">IB", size, 0)]
    if size < 0x100:
        heads.append(bytes((0xC7, size, 0)))
    if size < 0x10000:
        heads.append(b"\xc8" + struct.pack(">HB", size, 0))
    for head in heads:
        assert decode_argument(head + data) == data


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("d405aa", [5, b"\xaa"]),
        ("d500aabb", [0, b"\xaa\xbb"]),
        ("d600aabbccdd", [0, b"\xaa\xbb\xcc\xdd"]),
        ("d6ff6553f100", [-1, b"\x65\x53\xf1\x00"]),
        ("d7010000000000000000", [1, bytes(8)]),
        ("d800" + "00" * 16, [0, bytes(16)]),
        ("c702ffaabb", [-1, b"\xaa\xbb"]),
    ],
)
def test_an_unknown_extension_is_a_list_of_its_type_and_its_bytes(encoded, value):
    assert decode_argument(bytes.fromhex(encoded)) == value
    assert notepack.decode(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize("encoded", ["d7007fffffffffffffff", "d7008000000000000000", "d7000000e6ce1e5ae001"])
def test_a_date_that_python_does_not_have_is_refused(encoded):
    with pytest.raises(PacketError, match="a date out of range"):
        decode_argument(bytes.fromhex(encoded))


def test_an_aware_datetime_keeps_its_moment_and_a_naive_one_is_in_utc():
    there = timezone(timedelta(hours=2))
    assert encode_argument(datetime(1970, 1, 1, 2, tzinfo=there)) == b"\xd7\x00" + bytes(8)
    assert encode_argument(datetime(1970, 1, 1)) == b"\xd7\x00" + bytes(8)


def test_fractions_of_a_millisecond_are_dropped():
    assert decode_argument(encode_argument(date_of(5.999))) == date_of(5)
    assert decode_argument(encode_argument(date_of(-0.5))) == date_of(-1)


def test_dates_and_times_alone_are_text():
    assert encode_argument(date(2020, 1, 2)) == b"\xaa2020-01-02"
    assert encode_argument(time(3, 4)) == b"\xa803:04:00"


class Colour(Enum):
    RED = "red"


class Name(StrEnum):
    TOM = "tom"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (memoryview(b"abcdef")[::2], b"ace"),
        ((1, (2,)), [1, [2]]),
        (Colour.RED, "red"),
        (-0.0, -0.0),
        (math.inf, math.inf),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        ({7: {None: 2}, True: 3, 0.5: [{2.0: 4}]}, {"7": {"null": 2}, "true": 3, "0.5": [{"2": 4}]}),
        ({False: 1, math.nan: 2, math.inf: 3, -math.inf: 4}, {"false": 1, "NaN": 2, "Infinity": 3, "-Infinity": 4}),
        ({1e300: 1}, {"1e+300": 1}),
        ({Name.TOM: 1, Level.HIGH: 2}, {"tom": 1, "3": 2}),
    ],
)
def test_values_are_written_as_javascript_would(value, read):
    assert decode_argument(encode_argument(value)) == read


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**64, "more than 64 bits"),
        (-(2**63) - 1, "more than 64 bits"),
        ({1, 2}, "set is unknown to MessagePack"),
        (Fraction(1), "Fraction is unknown to MessagePack"),
        (len, "a function is not data"),
        ("\ud83d", "surrogates"),
        ({(1,): 2}, "tuple cannot be a key"),
        ({b"x": 2}, "bytes cannot be a key"),
    ],
)
def test_what_messagepack_cannot_express_is_named(value, reason):
    with pytest.raises(EncodeError, match=reason):
        encode_argument(value)


def test_a_cycle_is_refused():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(EncodeError, match="nested too deeply"):
        encode_argument(cycle)


def test_data_nested_deeper_than_ormsgpack_goes_is_refused():
    deep = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(EncodeError, match="the data cannot be sent as MessagePack"):
        encode_argument(deep)


@pytest.mark.parametrize("kind", [PacketType.BINARY_EVENT, PacketType.BINARY_ACK])
def test_there_are_no_binary_types(kind):
    with pytest.raises(EncodeError, match=kind.name):
        encode(Packet(kind, "/", ["a"]))


def test_default_turns_an_unknown_object_into_one_that_is_known():
    assert decode_argument(encode_argument({2, 1}, default=sorted)) == [1, 2]
    assert decode_argument(encode_argument(Fraction(1, 2), default=lambda value: str(value).encode())) == b"1/2"


@pytest.mark.parametrize("value", [{1, 2}, {1: {1, 2}}])
@pytest.mark.parametrize("error", [TypeError("why"), ValueError("why"), KeyError("why"), OSError("why")])
def test_whatever_default_raises_is_an_encode_error(error, value):
    def default(value):
        raise error

    with pytest.raises(EncodeError, match=r"as MessagePack: .*why") as caught:
        encode_argument(value, default=default)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("value", [{1, 2}, {1: {1, 2}}])
def test_an_interrupt_in_default_is_let_through(value):
    interrupts = [KeyboardInterrupt("once")]

    def default(value):
        raise interrupts.pop()

    parser = MsgPackParser(default=default)
    with pytest.raises(KeyboardInterrupt, match="once"):
        parser.encode(Packet(EVENT, "/", ["a", value]))
    assert parser._failure is None


def test_default_may_refuse():
    def refuse(value):
        raise TypeError("not today")

    with pytest.raises(EncodeError, match="not today"):
        encode_argument({1, 2}, default=refuse)


def test_a_failed_packet_does_not_lend_its_reason_to_the_next():
    parser = MsgPackParser()
    with pytest.raises(EncodeError, match="set is unknown"):
        parser.encode(Packet(EVENT, "/", ["a", {1, 2}]))
    with pytest.raises(EncodeError, match="more than 64 bits"):
        parser.encode(Packet(EVENT, "/", ["a", 2**64]))


def test_without_ormsgpack_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ormsgpack", None)
    with pytest.raises(ConfigurationError, match=r"pip install antiphon\[msgpack\]"):
        MsgPackParser()


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("81016161", {"1": "a"}),
        ("81c06161", {"null": "a"}),
        ("81c36161", {"true": "a"}),
        ("81d400006161", {"undefined": "a"}),
        ("81ff6161", {"-1": "a"}),
        ("81cb3fe00000000000006161", {"0.5": "a"}),
    ],
)
def test_keys_that_are_no_text_become_the_text_that_javascript_makes_of_them(encoded, value):
    encoded = encoded.replace("6161", "a161")
    assert decode_argument(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize("encoded", ["819001", "818001", "81c4016101", "81910101"])
def test_other_keys_are_refused(encoded):
    with pytest.raises(PacketError, match="a key of a map is not text"):
        decode_argument(bytes.fromhex(encoded))
