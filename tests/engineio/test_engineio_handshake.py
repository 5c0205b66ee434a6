import json

import pytest

from antiphon.engineio.handshake import (
    ErrorCode,
    HandshakeRequest,
    check_protocol,
    error_body,
    handshake_error,
    open_packet,
    verify,
)
from antiphon.errors import HandshakeError

BOTH = ("polling", "websocket")


def request(transport="polling", method="GET", upgrade=False, origin=None, **query):
    if transport is not None:
        query["transport"] = transport
    return HandshakeRequest(method, query, upgrade, origin)


def refusal(asked, *, transports=BOTH, session_transport=None):
    with pytest.raises(HandshakeError) as caught:
        verify(asked, transports=transports, session_transport=session_transport)
    return caught.value


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        (0, "Transport unknown", 400),
        (1, "Session ID unknown", 400),
        (2, "Bad handshake method", 400),
        (3, "Bad request", 400),
        (4, "Forbidden", 403),
        (5, "Unsupported protocol version", 400),
    ],
)
def test_codes_have_the_official_messages_and_status(code, message, status):
    assert ErrorCode(code).message == message
    assert ErrorCode(code).status == status
    error = handshake_error(ErrorCode(code))
    assert (error.code, error.message, str(error), error.context) == (code, message, message, {})
    assert json.loads(error_body(error)) == {"code": code, "message": message}


def test_a_message_and_a_context_may_be_given():
    error = handshake_error(ErrorCode.FORBIDDEN, "go away", origin="x")
    assert error.message == "go away"
    assert error.context == {"origin": "x"}
    assert error_body(error) == b'{"code":4,"message":"go away"}'


@pytest.mark.parametrize(
    "asked", [request(), request("websocket", upgrade=True), request(origin="http://a.b:3000"), request(sid="")]
)
def test_a_sound_request_for_a_new_session_passes(asked):
    verify(asked, transports=BOTH, session_transport=None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_of_the_sessions_own_transport_passes(method):
    verify(request(method=method, sid="x"), transports=BOTH, session_transport="polling")


def test_an_upgrade_of_a_polling_session_passes():
    verify(request("websocket", upgrade=True, sid="x"), transports=BOTH, session_transport="polling")


@pytest.mark.parametrize("transport", [None, "", "abc", "webtransport", "__proto__"])
def test_an_unknown_or_missing_transport_is_code_0(transport):
    error = refusal(request(transport))
    assert (error.code, error.context) == (0, {"transport": transport})


def test_a_transport_that_is_not_enabled_is_code_0():
    assert refusal(request("polling"), transports=("websocket",)).code == 0


@pytest.mark.parametrize("origin", ["http://a\x7f", "a\nb", "\x00", "http://\u20ac"])
def test_an_origin_that_no_browser_sends_is_code_3(origin):
    error = refusal(request(origin=origin))
    assert (error.code, error.context) == (3, {"name": "INVALID_ORIGIN", "origin": origin})


def test_an_unknown_session_is_code_1():
    error = refusal(request(sid="zzz"))
    assert (error.code, error.context) == (1, {"sid": "zzz"})


def test_a_request_of_another_transport_that_is_no_upgrade_is_code_3():
    error = refusal(request("polling", sid="x"), session_transport="websocket")
    assert error.code == 3
    assert error.context == {
        "name": "TRANSPORT_MISMATCH",
        "transport": "polling",
        "previous_transport": "websocket",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", ""])
def test_a_handshake_by_another_method_than_get_is_code_2(method):
    error = refusal(request(method=method))
    assert (error.code, error.context) == (2, {"method": method})


def test_a_websocket_handshake_without_upgrade_is_code_3():
    error = refusal(request("websocket"))
    assert (error.code, error.context) == (3, {"name": "TRANSPORT_HANDSHAKE_ERROR"})


def test_the_first_broken_rule_decides():
    everything_wrong = request("abc", method="PUT", origin="\n", sid="zzz")
    assert refusal(everything_wrong).code == 0
    assert refusal(request(method="PUT", origin="\n", sid="zzz")).code == 3
    assert refusal(request(method="PUT", sid="zzz")).code == 1


def test_revision_4_is_spoken_if_asked_for():
    assert check_protocol({"EIO": "4"}, allow_eio3=False) == 4
    assert check_protocol({"EIO": "4"}, allow_eio3=True) == 4


@pytest.mark.parametrize("query", [{}, {"EIO": "3"}, {"EIO": "5"}, {"EIO": ""}])
def test_anything_else_is_revision_3_which_must_be_allowed(query):
    assert check_protocol(query, allow_eio3=True) == 3
    with pytest.raises(HandshakeError) as caught:
        check_protocol(query, allow_eio3=False)
    assert caught.value.code == 5


def test_the_open_packet_gives_durations_in_milliseconds():
    packet = open_packet("abc", upgrades=("websocket",), ping_interval=25.0, ping_timeout=0.0205, max_payload=1_000_000)
    assert packet[:1] == b"0"
    assert json.loads(packet[1:]) == {
        "sid": "abc",
        "upgrades": ["websocket"],
        "pingInterval": 25000,
        "pingTimeout": 20,
        "maxPayload": 1_000_000,
    }
