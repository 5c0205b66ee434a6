import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from antiphon.errors import ConfigurationError, EncodeError, PacketError
from antiphon.socketio import json_parser
from antiphon.socketio.json_parser import DEFAULT_MAX_ATTACHMENTS, JSONDecoder, JSONParser
from antiphon.socketio.packet import MAX_ACK_ID, RESERVED_EVENTS, Packet, PacketType
from antiphon.socketio.parser import Encoded

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = list(PacketType)[:5]


def encode(packet, **options):
    encoded = JSONParser(**options).encode(packet)
    return encoded.text, list(encoded.attachments)


def encode_argument(value, **options):
    text, attachments = encode(Packet(EVENT, "/", ["a", value]), **options)
    assert attachments == []
    return json.loads(text[1:])[1]


def decode(text, *attachments):
    """Give a decoder the messages; only the last may complete the packet."""
    decoder = JSONDecoder()
    packet = decoder.add_text(text)
    for attachment in attachments:
        assert packet is None
        packet = decoder.add_binary(attachment)
    assert decoder.pending is None or packet is None
    return packet


# What the official decoder makes of these, it makes of them too.
WIRE = [
    (b"0", Packet(CONNECT)),
    (b'0{"token":"x"}', Packet(CONNECT, "/", {"token": "x"})),
    (b"0/admin,", Packet(CONNECT, "/admin")),
    (b'0/admin?a=b,{"sid":"x"}', Packet(CONNECT, "/admin?a=b", {"sid": "x"})),
    (b"1", Packet(DISCONNECT)),
    (b"1/admin,", Packet(DISCONNECT, "/admin")),
    (b'2["a"]', Packet(EVENT, "/", ["a"])),
    (b'2["a",1,{"b":[null]}]', Packet(EVENT, "/", ["a", 1, {"b": [None]}])),
    (b'212["a"]', Packet(EVENT, "/", ["a"], 12)),
    (b'2/x,0["a"]', Packet(EVENT, "/x", ["a"], 0)),
    (b"31[]", Packet(ACK, "/", [], 1)),
    (b'3/x,1["ok"]', Packet(ACK, "/x", ["ok"], 1)),
    (b'4{"message":"no"}', Packet(CONNECT_ERROR, "/", {"message": "no"})),
    (b'4/x,"no"', Packet(CONNECT_ERROR, "/x", "no")),
]


@pytest.mark.parametrize(("text", "packet"), WIRE)
def test_a_packet_is_written_as_the_protocol_says(text, packet):
    assert encode(packet) == (text, [])


@pytest.mark.parametrize(("text", "packet"), WIRE)
def test_a_packet_is_read_as_the_protocol_says(text, packet):
    assert decode(text) == packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        (b"0/admin", Packet(CONNECT, "/admin")),
        (b'2/,["a"]', Packet(EVENT, "/", ["a"])),
        (b"2", Packet(EVENT)),
        (b"3", Packet(ACK)),
        (b"4", Packet(CONNECT_ERROR)),
        (b"2[1]", Packet(EVENT, "/", [1])),
        (b"2[1.5]", Packet(EVENT, "/", [1.5])),
        (b' 2["a"]'[1:] + b" ", Packet(EVENT, "/", ["a"])),
        (b'2["a",{"_placeholder":true,"num":0}]', Packet(EVENT, "/", ["a", {"_placeholder": True, "num": 0}])),
        (b'2%d["a"]' % MAX_ACK_ID, Packet(EVENT, "/", ["a"], MAX_ACK_ID)),
        ('2/é,["€"]'.encode(), Packet(EVENT, "/é", ["€"])),
        (b'2["\\ud83d"]', Packet(EVENT, "/", ["\ud83d"])),
        (b'2/x,["a","\\ud83d"]', Packet(EVENT, "/x", ["a", "\ud83d"])),
        (b'2["\\ud83d\\ude00"]', Packet(EVENT, "/", ["😀"])),
        (b'2["x",1e400,-1e400]', Packet(EVENT, "/", ["x", math.inf, -math.inf])),
        (b'31[{"a":1e309}]', Packet(ACK, "/", [{"a": math.inf}], 1)),
    ],
)
def test_other_forms_are_read_too(text, packet):
    assert decode(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"7",
        b"x",
        b"-1",
        b"0[]",
        b'0"a"',
        b"0null",
        b"1{}",
        b"1null",
        b'1"a"',
        b"2{}",
        b"2[]",
        b"2null",
        b'2"a"',
        b"2[null]",
        b"2[true]",
        b"2[[]]",
        b"2[{}]",
        b"3{}",
        b"4[]",
        b"4null",
        b'2["a"',
        b'2["a"]x',
        b'2["a",]',
        b'2["a",NaN]',
        b'2["\\ud83d",NaN]',
        b'2["\\ud83d",Infinity]',
        b'2["\\ud83d"',
        b'2["a\xff"]',
        b'2["\\ud83d\xff"]',
        b'2/\xff,["a"]',
        b'2/x,[""',
        b'21-["a"]',
        b'01-{"a":1}',
        b'2 ["a"',
        b'2%d["a"]' % (MAX_ACK_ID + 1),
        b'2%s["a"]' % (b"9" * 5000),
        b'5["a"]',
        b'50-["a"]',
        b'500-["a"]',
        b'5-["a"]',
        b'511-["a"]',
        b'5%s-["a"]' % (b"9" * 5000),
        b'51-{"a":1}',
        b'51-["connect"]',
        b'61-{"a":1}',
        b'2["a",' + b"[" * 2000 + b"]" * 2000 + b"]",
        b'2["\\ud83d",' + b"[" * 2000 + b"]" * 2000 + b"]",
    ],
)
def test_what_is_no_packet_is_refused(text):
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
@pytest.mark.parametrize("head", [b"2", b"21", b"2/x,", b"51-"])
def test_reserved_event_names_are_refused(head, name):
    with pytest.raises(PacketError, match="invalid payload"):
        decode(b'%s["%s"]' % (head, name.encode()))


def test_a_reserved_name_is_fine_as_the_first_argument_of_an_acknowledgement():
    assert decode(b'31["connect"]') == Packet(ACK, "/", ["connect"], 1)


def test_binary_values_become_placeholders_in_traversal_order():
    data = ["a", b"1", {"x": bytearray(b"2"), "y": [memoryview(b"3")]}]
    text, attachments = encode(Packet(EVENT, "/", data))
    assert text == (
        b'53-["a",{"_placeholder":true,"num":0},'
        b'{"x":{"_placeholder":true,"num":1},"y":[{"_placeholder":true,"num":2}]}]'
    )
    assert attachments == [b"1", b"2", b"3"]
    assert decode(text, *attachments) == Packet(EVENT, "/", ["a", b"1", {"x": b"2", "y": [b"3"]}])


def test_binary_acknowledgements_are_type_6():
    text, attachments = encode(Packet(ACK, "/x", [b"1"], 7))
    assert (text, attachments) == (b'61-/x,7[{"_placeholder":true,"num":0}]', [b"1"])
    assert decode(text, *attachments) == Packet(ACK, "/x", [b"1"], 7)


@pytest.mark.parametrize("kind", [CONNECT, CONNECT_ERROR])
def test_only_events_and_acknowledgements_carry_binary(kind):
    with pytest.raises(EncodeError, match=f"a {kind.name} packet cannot carry binary"):
        encode(Packet(kind, "/", {"a": b"1"}))


def test_an_attachment_may_be_used_twice_or_not_at_all():
    placeholder = b'{"_placeholder":true,"num":1}'
    packet = decode(b'52-["a",%s,%s]' % (placeholder, placeholder), b"0", b"1")
    assert packet.data == ["a", b"1", b"1"]


def test_a_number_of_an_attachment_may_be_written_as_a_float():
    assert decode(b'51-["a",{"_placeholder":true,"num":0.0}]', b"x").data == ["a", b"x"]


@pytest.mark.parametrize(
    "placeholder", [b'{"_placeholder":1,"num":0}', b'{"_placeholder":false,"num":0}', b'{"num":0}']
)
def test_what_does_not_say_that_it_is_a_placeholder_is_none(placeholder):
    assert decode(b'51-["a",%s]' % placeholder, b"x").data == ["a", json.loads(placeholder)]


@pytest.mark.parametrize("number", [b"1", b"-1", b'"0"', b"null", b"true", b"0.5", b"[]"])
def test_a_placeholder_must_name_an_attachment(number):
    with pytest.raises(PacketError, match="illegal attachments"):
        decode(b'51-["a",{"_placeholder":true,"num":%s}]' % number, b"x")


def test_a_placeholder_without_a_number_is_refused():
    with pytest.raises(PacketError, match="illegal attachments"):
        decode(b'51-["a",{"_placeholder":true}]', b"x")


def test_a_binary_packet_without_payload_has_no_data():
    assert decode(b"51-", b"x") == Packet(EVENT)


def test_attachments_of_deeply_nested_data_are_found():
    depth = 1000
    placeholder = b'{"_placeholder":true,"num":0}'
    data = decode(b'51-["a",' + b"[" * depth + placeholder + b"]" * depth + b"]", b"x").data[1]
    for _ in range(depth):
        (data,) = data
    assert data == b"x"


def test_text_may_not_come_between_a_packet_and_its_attachments():
    decoder = JSONDecoder()
    assert decoder.add_text(b'51-["a"]') is None
    assert decoder.pending == Packet(EVENT, "/", ["a"])
    with pytest.raises(PacketError, match="got plaintext data"):
        decoder.add_text(b'2["b"]')


def test_binary_may_only_come_after_a_packet_that_announces_it():
    decoder = JSONDecoder()
    with pytest.raises(PacketError, match="got binary data"):
        decoder.add_binary(b"x")
    decoder.add_text(b'51-["a"]')
    decoder.add_binary(b"x")
    with pytest.raises(PacketError, match="got binary data"):
        decoder.add_binary(b"x")


def test_the_number_of_attachments_is_limited():
    assert DEFAULT_MAX_ATTACHMENTS == 10
    assert decode(b'510-["a"]') is None
    with pytest.raises(PacketError, match="at most 10"):
        decode(b'511-["a"]')
    with pytest.raises(PacketError, match="at most 1 "):
        JSONParser(max_attachments=1).decoder().add_text(b'52-["a"]')
    assert JSONParser(max_attachments=100).decoder().add_text(b'5100-["a"]') is None


@pytest.mark.parametrize("limit", [-1, 1.5, "1", None, True])
def test_the_limit_must_be_a_number(limit):
    with pytest.raises(ConfigurationError, match="max_attachments"):
        JSONParser(max_attachments=limit)


def test_decoders_share_nothing():
    parser = JSONParser()
    first, second = parser.decoder(), parser.decoder()
    first.add_text(b'51-["a"]')
    assert second.add_text(b'2["b"]') == Packet(EVENT, "/", ["b"])


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (math.nan, None),
        (math.inf, None),
        ({7: "x", None: 2, True: 3}, {"7": "x", "null": 2, "true": 3}),
        ((1, 2), [1, 2]),
        (2**70, 2**70),
        ([2**70, math.nan, (1.5, math.inf)], [2**70, None, [1.5, None]]),
        ({"\ud83d": {"x": "\ud83d"}}, {"\ud83d": {"x": "\ud83d"}}),
        (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), "2020-01-02T03:04:05Z"),
    ],
)
def test_what_javascript_can_express_is_sent_as_it_would(value, sent):
    assert encode_argument(value) == sent


def test_binary_data_may_stand_beside_what_takes_the_slow_path():
    text, attachments = encode(Packet(EVENT, "/", ["a", b"x", "\ud83d", {1: b"y"}]))
    assert text.startswith(b"52-")
    assert decode(text, *attachments).data == ["a", b"x", "\ud83d", {"1": b"y"}]


def test_what_orjson_knows_may_stand_beside_half_of_a_surrogate_pair():
    moment = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert encode_argument(["\ud83d", moment]) == ["\ud83d", "2020-01-02T03:04:05Z"]


def test_what_default_returns_may_have_half_of_a_surrogate_pair_in_it():
    def default(value):
        return {"binary": b"x", "text": "\ud83d", "number": math.nan}

    text, attachments = encode(Packet(EVENT, "/", ["a", Decimal(1)]), default=default)
    assert decode(text, *attachments).data == ["a", {"binary": b"x", "text": "\ud83d", "number": None}]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1, 2}, "set is unknown to JSON"),
        (Decimal(1), "Decimal is unknown to JSON"),
        (len, "a function is not data"),
        (["\ud83d", {1, 2}], "set is unknown to JSON"),
        ({(1,): 2}, "Dict key must"),
    ],
)
def test_what_json_cannot_express_is_named(value, reason):
    with pytest.raises(EncodeError, match=reason):
        encode_argument(value)


def test_a_cycle_is_refused():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(EncodeError):
        encode_argument(cycle)
    with pytest.raises(EncodeError):
        encode_argument(["\ud83d", cycle])


def test_a_failed_packet_leaves_no_attachment_behind():
    parser = JSONParser()
    with pytest.raises(EncodeError):
        parser.encode(Packet(EVENT, "/", ["a", b"x", {1, 2}]))
    assert parser.encode(Packet(EVENT, "/", ["a"])).text == b'2["a"]'
    assert parser.encode_payload(["a", b"x"]) == (b'["a",{"_placeholder":true,"num":0}]', [b"x"])
    assert parser.encode_payload(["a"]) == b'["a"]'


def test_default_turns_an_unknown_object_into_one_that_is_known():
    @dataclass
    class Point:
        x: int

    assert encode_argument(Point(1)) == {"x": 1}
    assert encode_argument({1, 2}, default=sorted) == [1, 2]
    text, attachments = encode(Packet(EVENT, "/", ["a", Decimal(1)]), default=lambda value: str(value).encode())
    assert (text, attachments) == (b'51-["a",{"_placeholder":true,"num":0}]', [b"1"])


def test_default_may_refuse():
    def refuse(value):
        raise TypeError("not today")

    with pytest.raises(EncodeError, match="not today"):
        encode_argument({1, 2}, default=refuse)


class Odd:
    """What no library knows."""


# orjson meets Odd at first; behind a huge integer and half of a surrogate pair it is json that does.
WITH_ODD = [["a", b"secret", Odd()], ["a", b"secret", 2**70, Odd()], ["a", b"secret", "\ud83d", [Odd()]]]

ENCODERS = [
    lambda parser, data: parser.encode(Packet(EVENT, "/", data)),
    lambda parser, data: parser.encode_data(b"4", EVENT, b"", data),
    lambda parser, data: parser.encode_payload(data),
    lambda parser, data: parser.dumps(data),
]


@pytest.mark.parametrize("data", WITH_ODD)
@pytest.mark.parametrize("encode_it", ENCODERS)
@pytest.mark.parametrize(
    "error", [TypeError("why"), ValueError("why"), KeyError("why"), RecursionError("why"), OSError("why")]
)
def test_whatever_default_raises_is_an_encode_error_and_leaves_no_attachment_behind(data, encode_it, error):
    def default(value):
        raise error

    parser = JSONParser(default=default)
    with pytest.raises(EncodeError, match="why") as caught:
        encode_it(parser, data)
    assert caught.value.__cause__ is error
    assert parser.encode_payload(["b"]) == b'["b"]'
    assert parser.encode(Packet(EVENT, "/", ["b"])) == Encoded(b'2["b"]')


@pytest.mark.parametrize("data", WITH_ODD)
@pytest.mark.parametrize("encode_it", ENCODERS)
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_default_is_let_through_and_leaves_no_attachment_behind(data, encode_it, interrupt):
    interrupts = [interrupt("once")]

    def default(value):
        raise interrupts.pop()

    parser = JSONParser(default=default)
    with pytest.raises(interrupt, match="once"):
        encode_it(parser, data)
    assert parser.encode_payload(["b"]) == b'["b"]'


@pytest.mark.parametrize("encode_it", ENCODERS)
def test_an_interrupt_while_orjson_works_leaves_no_attachment_behind(encode_it, monkeypatch):
    def interrupted(data, hook, options):
        orjson.dumps(data, hook, options)
        raise KeyboardInterrupt

    parser = JSONParser()
    with monkeypatch.context() as patch:
        patch.setattr(json_parser, "_dumps", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encode_it(parser, ["a", b"secret"])
    assert parser.encode_payload(["b"]) == b'["b"]'


def test_an_exception_that_is_no_refusal_is_named():
    def default(value):
        return {}[type(value)]

    with pytest.raises(EncodeError, match="cannot be sent as JSON: KeyError"):
        JSONParser(default=default).encode_payload(["a", Odd()])


def test_the_layer_below_may_put_something_in_front():
    assert JSONParser().encode_data(b"4", EVENT, b"/x,", ["a"]).text == b'42/x,["a"]'
    assert JSONParser().encode_data(b"4", EVENT, b"", ["a", b"x"]).text == b'451-["a",{"_placeholder":true,"num":0}]'


def test_a_copy_encodes_as_the_original_does():
    parser = JSONParser(max_attachments=3, default=str)
    packet = Packet(PacketType.EVENT, "/", ["a", {1}, b"x"])
    assert parser.copy().encode(packet) == parser.encode(packet)
    assert parser.copy().max_attachments == 3


def test_what_has_to_be_awaited_is_no_data():
    class Answer:
        def __await__(self):
            yield

    with pytest.raises(EncodeError, match="Answer is not data; it has to be awaited first"):
        JSONParser().encode(Packet(PacketType.EVENT, "/", ["a", Answer()]))


@pytest.mark.parametrize(
    ("data", "encoded"),
    [
        (["a", {1: 2}], b'["a",{"1":2}]'),
        (["a", {1: b"x"}], Encoded(b'["a",{"1":{"_placeholder":true,"num":0}}]', [b"x"])),
    ],
)
def test_the_short_way_knows_when_there_are_attachments(data, encoded):
    parser = JSONParser()
    assert parser.encode_payload(data) == encoded
    assert parser.encode_payload(["b"]) == b'["b"]'
