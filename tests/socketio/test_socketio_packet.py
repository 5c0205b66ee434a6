import pytest

from antiphon.errors import ConfigurationError, PacketError, ReservedEventError
from antiphon.socketio.packet import (
    MAX_ACK_ID,
    RESERVED_EVENTS,
    Packet,
    PacketType,
    check_event_name,
    check_payload,
    event_name,
)

EVENTS = [["a"], ["a", 1], [1], [1.5], [""]]
RESERVED = [[name] for name in sorted(RESERVED_EVENTS)]
NO_EVENTS = [[], [None], [True], [[]], [{}], *RESERVED]
MAPS = [{}, {"sid": "x"}]
TEXTS = ["no", ""]
NOTHING = [None, True, 0, 1.5]

VALID = {
    PacketType.CONNECT: MAPS,
    PacketType.DISCONNECT: [],
    PacketType.EVENT: EVENTS,
    PacketType.ACK: EVENTS + NO_EVENTS,
    PacketType.CONNECT_ERROR: TEXTS + MAPS,
    PacketType.BINARY_EVENT: EVENTS,
    PacketType.BINARY_ACK: EVENTS + NO_EVENTS,
}
INVALID = {
    PacketType.CONNECT: NOTHING + TEXTS + EVENTS,
    PacketType.DISCONNECT: NOTHING + TEXTS + MAPS + EVENTS,
    PacketType.EVENT: NOTHING + TEXTS + MAPS + NO_EVENTS,
    PacketType.ACK: NOTHING + TEXTS + MAPS,
    PacketType.CONNECT_ERROR: NOTHING + EVENTS,
    PacketType.BINARY_EVENT: NOTHING + TEXTS + MAPS + NO_EVENTS,
    PacketType.BINARY_ACK: NOTHING + TEXTS + MAPS,
}


@pytest.mark.parametrize("kind", PacketType)
def test_each_type_carries_what_it_may(kind):
    for data in VALID[kind]:
        check_payload(kind, data, present=True)


@pytest.mark.parametrize("kind", PacketType)
def test_each_type_carries_nothing_else(kind):
    for data in INVALID[kind]:
        with pytest.raises(PacketError, match=f"invalid payload for a {kind.name} packet"):
            check_payload(kind, data, present=True)


@pytest.mark.parametrize("kind", PacketType)
def test_an_absent_payload_passes(kind):
    check_payload(kind, None, present=False)


def test_the_defaults_of_a_packet():
    assert Packet(PacketType.EVENT) == (PacketType.EVENT, "/", None, None)


def test_the_largest_id_is_the_largest_exact_number_of_javascript():
    assert MAX_ACK_ID == 9007199254740991


@pytest.mark.parametrize(("name", "known_as"), [("a", "a"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (-2, "-2")])
def test_a_number_as_event_name_is_known_by_its_digits(name, known_as):
    assert event_name(name) == known_as


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_a_reserved_name_may_not_be_emitted(name):
    with pytest.raises(ReservedEventError, match="reserved event name") as raised:
        check_event_name(name)
    assert raised.value.event == name


@pytest.mark.parametrize("name", [1, None, b"x"])
def test_a_name_that_is_no_string_may_not_be_emitted(name):
    with pytest.raises(ConfigurationError, match="must be a string"):
        check_event_name(name)


def test_any_other_name_may_be_emitted():
    check_event_name("message")
