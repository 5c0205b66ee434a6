import binascii
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from antiphon.engineio import v3
from antiphon.engineio.packet import Binary, Packet, PacketType, decode_base64, decode_text, encode_base64
from antiphon.engineio.payload import decode_payload, encode_payload
from antiphon.errors import PacketError


def build(*fields):
    # st.builds would invent the fields that are not given.
    return st.tuples(*fields).map(lambda values: Packet(*values))


kinds = st.sampled_from(PacketType)
# A text packet cannot contain the separator; JSON escapes it.
texts = st.text().map(lambda text: text.replace("\x1e", "")).map(str.encode)
text_packets = build(kinds, texts)
binary_packets = build(st.just(PacketType.MESSAGE), st.binary(), st.just(True))
packets = text_packets | binary_packets
wide_texts = st.text(st.characters(codec="utf-8"), max_size=20).map(str.encode)


def wire(packet):
    return Binary(packet.data) if packet.binary else b"%d%s" % (packet.type, packet.data)


@given(text_packets)
def test_a_text_packet_survives(packet):
    assert decode_text(wire(packet)) == packet


@given(st.lists(packets, min_size=1))
def test_a_payload_survives(sent):
    assert list(decode_payload(encode_payload(map(wire, sent)))) == sent


@given(st.lists(packets, min_size=1), st.data())
def test_any_split_into_payloads_gives_the_same_packets(sent, data):
    received = []
    rest = sent
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        body, rest = encode_payload(map(wire, rest[:count])), rest[count:]
        received += decode_payload(body)
    assert received == sent


@given(st.binary())
def test_base64_survives_in_every_form(data):
    encoded = encode_base64(data)
    assert decode_base64(encoded) == data
    assert decode_base64(encoded.rstrip(b"=")) == data
    assert decode_base64(encoded.replace(b"+", b"-").replace(b"/", b"_")) == data
    assert binascii.a2b_base64(encoded, strict_mode=True) == data


@given(st.lists(build(kinds, wide_texts) | binary_packets, min_size=1), st.booleans())
def test_a_payload_of_revision_3_survives(sent, supports_binary):
    body, binary = v3.encode_payload([wire(packet) for packet in sent], supports_binary=supports_binary)
    assert binary == (supports_binary and any(packet.binary for packet in sent))
    assert list(v3.decode_payload(body, binary=binary)) == sent


@given(st.lists(build(kinds, wide_texts) | binary_packets, min_size=1), st.data())
def test_any_split_into_payloads_of_revision_3_gives_the_same_packets(sent, data):
    received = []
    rest = sent
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        body, binary = v3.encode_payload(
            [wire(packet) for packet in rest[:count]], supports_binary=data.draw(st.booleans())
        )
        received += v3.decode_payload(body, binary=binary)
        rest = rest[count:]
    assert received == sent


def packets_or_error(call):
    try:
        result = call()
        return [result] if isinstance(result, Packet) else list(result)
    except PacketError:
        return []


@given(st.binary())
def test_any_bytes_give_packets_or_a_packet_error(data):
    for call in (
        lambda: decode_text(data),
        lambda: decode_payload(data),
        lambda: v3.decode_text(data),
        lambda: v3.decode_binary(data),
        lambda: v3.decode_payload(data, binary=False),
        lambda: v3.decode_payload(data, binary=True),
    ):
        for packet in packets_or_error(call):
            assert isinstance(packet, Packet)
            assert isinstance(packet.type, PacketType)
    with suppress(PacketError):
        assert isinstance(decode_base64(data), bytes)


@given(st.lists(st.text("0123456789:4ab\u3a00\x00😀", max_size=6)))
def test_any_text_with_colons_gives_packets_or_a_packet_error(parts):
    packets_or_error(lambda: v3.decode_payload("".join(parts).encode(), binary=False))


@given(st.lists(st.sampled_from([0, 1, 2, 9, 10, 255, 4, 52]), max_size=30).map(bytes))
def test_any_bytes_that_look_like_frames_give_packets_or_a_packet_error(body):
    packets_or_error(lambda: v3.decode_payload(body, binary=True))
