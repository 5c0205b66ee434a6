from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import PacketError
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.socketio.packet import MAX_ACK_ID, RESERVED_EVENTS, Packet, PacketType

JSON = JSONParser(max_attachments=1000)
MSGPACK = MsgPackParser()

namespaces = st.just("/") | st.text(max_size=10).map(lambda name: "/" + name.replace(",", ""))
ids = st.none() | st.integers(0, MAX_ACK_ID)
event_names = st.text(max_size=10).filter(lambda name: name not in RESERVED_EVENTS) | st.integers(-(2**53), 2**53)
# What is not a placeholder must not look like one.
keys = st.text(max_size=5).filter(lambda key: key != "_placeholder")


def build(*fields):
    # st.builds would invent the fields that are not given.
    return st.tuples(*fields).map(lambda values: Packet(*values))


def values(*leaves):
    return st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=10), *leaves),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=15,
    )


def packets(value):
    arguments = st.lists(value, max_size=4)
    return st.one_of(
        build(st.just(PacketType.CONNECT), namespaces, st.none() | st.dictionaries(keys, values(), max_size=3)),
        build(st.just(PacketType.DISCONNECT), namespaces),
        build(
            st.just(PacketType.EVENT),
            namespaces,
            st.builds(lambda name, rest: [name, *rest], event_names, arguments),
            ids,
        ),
        build(st.just(PacketType.ACK), namespaces, arguments, ids),
        build(
            st.just(PacketType.CONNECT_ERROR),
            namespaces,
            st.text(max_size=10) | st.dictionaries(keys, values(), max_size=3),
        ),
    )


json_packets = packets(values(st.binary(max_size=10), st.floats(allow_nan=False, allow_infinity=False)))
moments = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
msgpack_packets = packets(values(st.binary(max_size=20), st.floats(allow_nan=False), moments))


def messages(encoded):
    return [encoded.text, *encoded.attachments]


def receive(decoder, encoded):
    """Give a decoder what is on the wire, and return the packet that the last message completes."""
    packet = None if encoded.text is None else decoder.add_text(encoded.text)
    for attachment in encoded.attachments:
        assert packet is None
        packet = decoder.add_binary(attachment)
    return packet


@given(json_packets)
def test_a_packet_survives_json(packet):
    received = receive(JSON.decoder(), JSON.encode(packet))
    assert received == packet
    assert type(received.type) is PacketType


@given(st.lists(json_packets, max_size=5))
def test_a_sequence_of_packets_survives_one_json_decoder(sent):
    decoder = JSON.decoder()
    assert [receive(decoder, JSON.encode(packet)) for packet in sent] == sent


@given(msgpack_packets)
def test_a_packet_survives_msgpack(packet):
    assert receive(MSGPACK.decoder(), MSGPACK.encode(packet)) == packet


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_survives_json_even_half_of_a_surrogate_pair(text):
    packet = Packet(PacketType.EVENT, "/", ["a", text])
    (received,) = receive(JSON.decoder(), JSON.encode(packet)).data[1:]
    # JSON cannot tell two halves that stand side by side from the whole.
    assert received.encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")


json_parts = st.sampled_from(
    [
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
        b"5",
        b"6",
        b"-",
        b"/x",
        b",",
        b"12",
        b"[",
        b"]",
        b'"a"',
        b"{",
        b"}",
        b"null",
        b":",
        b"\xff",
    ]
)
json_texts = st.binary(max_size=20) | st.lists(json_parts, max_size=10).map(b"".join)
json_texts |= json_packets.map(lambda packet: JSON.encode(packet).text)


@given(st.lists(st.tuples(st.booleans(), json_texts), max_size=6))
def test_any_sequence_of_messages_gives_json_packets_or_a_packet_error(sequence):
    decoder = JSON.decoder()
    for binary, data in sequence:
        try:
            packet = decoder.add_binary(data) if binary else decoder.add_text(data)
        except PacketError:
            continue
        assert packet is None or packet.type in list(PacketType)[:5]


@given(st.binary())
def test_any_bytes_give_a_msgpack_packet_or_a_packet_error(data):
    with suppress(PacketError):
        assert isinstance(MSGPACK.decoder().add_binary(data), Packet)


@given(msgpack_packets, st.data())
def test_a_damaged_msgpack_packet_gives_a_packet_or_a_packet_error(packet, data):
    (blob,) = MSGPACK.encode(packet).attachments
    damaged = bytearray(blob)
    damaged[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PacketError):
        assert isinstance(MSGPACK.decoder().add_binary(bytes(damaged)), Packet)
