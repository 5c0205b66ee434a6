import pytest

from antiphon import Event
from antiphon.errors import ConfigurationError, ReservedEventError
from antiphon.socketio.packet import RESERVED_EVENTS, check_event_name


class ServerToClient:
    chat_message = Event[tuple[str, int], None]("chat message")


def test_an_event_has_a_name():
    assert ServerToClient.chat_message.name == "chat message"
    assert Event("").name == ""


def test_an_event_shows_its_name():
    assert repr(ServerToClient.chat_message) == "Event('chat message')"


@pytest.mark.parametrize("name", [None, 1, b"x", ["x"], str, Event("x")])
def test_the_name_of_an_event_is_a_string(name):
    with pytest.raises(ConfigurationError, match="the name of an event is a string"):
        Event(name)


def test_an_event_can_be_given_for_its_name():
    assert check_event_name(ServerToClient.chat_message) == "chat message"
    assert check_event_name("chat message") == "chat message"


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_a_reserved_name_is_reserved_for_events_too(name):
    with pytest.raises(ReservedEventError) as raised:
        check_event_name(Event(name))
    assert raised.value.event == name


def test_the_class_is_no_event():
    with pytest.raises(ConfigurationError, match="must be a string"):
        check_event_name(Event)
