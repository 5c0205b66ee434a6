"""The parts of the client that do no I/O: delays, the queue of retries, frames, addresses, explanations."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import socket
import ssl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.address import Address
from antiphon.client.backoff import Backoff
from antiphon.client.engine import Handshake
from antiphon.client.explanation import explain, explain_answer
from antiphon.client.frames import LARGEST_SMALL_FRAME, mask, small_text_frame
from antiphon.client.retries import QueuedEvent, Retries
from antiphon.errors import AckTimeout, ConfigurationError, Disconnected, PacketError, PayloadTooLarge

chances = st.floats(0, 1)


# Delays


@given(st.floats(0.001, 10), st.floats(0.001, 60), st.floats(0, 1), st.lists(chances, min_size=1, max_size=200))
def test_a_delay_is_twice_the_last_give_or_take_and_never_above_the_longest(shortest, longest, jitter, random):
    backoff = Backoff(shortest, longest, jitter)
    for attempt, chance in enumerate(random):
        delay = backoff.next_delay(chance)
        middle = shortest * 2 ** min(attempt, 64)
        assert delay <= longest
        assert delay >= min(middle * (1 - jitter), longest) * (1 - 1e-9)
        assert delay <= middle * (1 + jitter) * (1 + 1e-9)
    assert backoff.attempts == len(random)
    backoff.reset()
    assert backoff.next_delay(0.5) == pytest.approx(min(shortest, longest))


def test_delays_do_not_overflow_in_months():
    backoff = Backoff(1.0, 5.0, 0.5)
    backoff.attempts = 10_000_000
    assert backoff.next_delay(1.0) == 5.0


# The queue of retries


def event(name: str = "x", outcomes: list | None = None) -> QueuedEvent:
    def settled(error, answer):
        if outcomes is not None:
            outcomes.append(error)

    return QueuedEvent([name], compress=True, timeout=1.0, settled=settled)


def test_one_event_is_on_its_way_at_a_time():
    queue = Retries(1)
    first, second = event("first"), event("second")
    queue.add(first)
    queue.add(second)
    assert queue.next() is first
    assert queue.next() is None
    assert queue.settle(first, None)
    assert queue.next() is second
    assert len(queue) == 1


def test_an_event_is_sent_as_often_as_may_be_and_then_given_up():
    queue = Retries(2)
    queued = event()
    queue.add(queued)
    for _ in range(2):
        assert queue.next() is queued
        assert not queue.settle(queued, AckTimeout())
    assert queue.next() is queued
    assert queue.settle(queued, AckTimeout())
    assert queued.tries == 3
    assert len(queue) == 0


def test_what_was_on_its_way_is_sent_again_after_a_reconnection():
    queue = Retries(math.inf)
    queued = event()
    queue.add(queued)
    for _ in range(100):
        assert queue.next(again=True) is queued
        assert not queue.settle(queued, Disconnected())
    assert queue.next(again=True) is queued
    assert queue.settle(queued, None)
    assert queue.next(again=True) is None


def test_an_event_that_can_never_be_sent_does_not_block_the_others():
    queue = Retries(math.inf)
    large, small = event("large"), event("small")
    queue.add(large)
    queue.add(small)
    assert queue.next() is large
    assert queue.settle(large, PayloadTooLarge(2, 1))
    assert queue.next() is small


def test_a_second_answer_to_one_event_settles_nothing():
    queue = Retries(3)
    first, second = event("first"), event("second")
    queue.add(first)
    queue.add(second)
    queue.next()
    assert queue.settle(first, None)
    assert not queue.settle(first, None)
    assert queue.next() is second


# Frames


def unmask(frame: bytes) -> bytes:
    """Take a frame apart, as a server does. Source: RFC 6455, section 5.2."""
    assert frame[0] == 0x81
    assert frame[1] & 0x80
    length, start = frame[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
    key, payload = frame[start : start + 4], frame[start + 4 :]
    assert len(payload) == length
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


@given(st.binary(max_size=LARGEST_SMALL_FRAME), st.binary(min_size=4, max_size=4))
def test_a_frame_holds_its_payload_masked(payload, key):
    assert unmask(small_text_frame(payload, key)) == payload
    assert mask(mask(payload, key), key) == payload


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, LARGEST_SMALL_FRAME])
def test_a_frame_has_the_shortest_header(length):
    assert len(small_text_frame(b"x" * length, b"keys")) == length + 4 + (2 if length < 126 else 4)


# Addresses


@pytest.mark.parametrize(
    ("url", "origin", "namespace"),
    [
        ("http://localhost:3000", "http://localhost:3000", "/"),
        ("localhost:3000", "http://localhost:3000", "/"),
        ("//localhost:3000/a", "http://localhost:3000", "/a"),
        ("https://example.com/admin", "https://example.com", "/admin"),
        ("wss://example.com:443", "https://example.com", "/"),
        ("ws://example.com:80", "http://example.com", "/"),
        ("http://[::1]:3000/", "http://[::1]:3000", "/"),
    ],
)
def test_a_url_is_taken_apart(url, origin, namespace):
    address = Address.parse(url)
    assert address.origin == origin
    assert address.namespace == namespace


def test_the_query_of_a_url_is_kept_and_written_as_the_official_client_writes_it():
    address = Address.parse("https://example.com?a=1%202&b=")
    assert address.query == {"a": "1 2", "b": ""}
    assert address.url("ws", "/socket.io/", {"EIO": "4", "a": "1 2+"}) == (
        "wss://example.com/socket.io/?EIO=4&a=1%202%2B"
    )


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com", "http://", "http://localhost:port", "http://localhost:99999", 3000, None]
)
def test_what_is_no_url_is_refused_with_an_example(url):
    with pytest.raises(ConfigurationError, match="URL"):
        Address.parse(url)


@pytest.mark.parametrize("url", ["http:/localhost", "htp:/chat", "https:"])
def test_a_scheme_without_its_slashes_is_not_taken_for_a_host(url):
    with pytest.raises(ConfigurationError, match="two slashes"):
        Address.parse(url)


def test_a_password_in_the_url_is_refused_because_it_would_not_be_sent():
    with pytest.raises(ConfigurationError, match="extra_headers"):
        Address.parse("http://user:secret@localhost:3000")


# Explanations


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens there"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "was reset"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be resolved"),
        (TimeoutError(), "took too long"),
        (OSError(errno.EHOSTUNREACH, "x"), "cannot be reached"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "TLS failed"),
        (ExceptionGroup("several", [OSError(errno.ENETUNREACH, "x")]), "network cannot be reached"),
        (ValueError("Strange things"), "strange things"),
        (ValueError(), "valueError"),
    ],
)
def test_an_error_of_the_network_is_explained(error, words):
    assert words in explain(error)


def test_the_cause_is_explained_and_not_what_wraps_it():
    wrapper = RuntimeError("wrapped")
    wrapper.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert "nothing listens there" in explain(wrapper)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (502, "<html>\n<h1>Bad Gateway</h1>", "502: <html> <h1>Bad Gateway</h1>"),
        (503, "", "the server answered 503"),
        (404, "Not Found", "path="),
        (200, "<html>", "path="),
        (400, '{"code":5,"message":"Unsupported protocol version"}', "Socket.IO 2"),
        (200, '96:0{"sid":"x"}', "Socket.IO 2"),
        (400, '{"code":1,"message":"Session ID unknown"}', "sticky"),
    ],
)
def test_a_response_is_explained(status, body, words):
    assert words in explain_answer(status, body)


def test_a_long_response_is_shown_in_part():
    assert len(explain_answer(500, "x" * 10_000)) < 300


def test_a_session_that_was_answered_before_has_just_ended():
    body = '{"code":1,"message":"Session ID unknown"}'
    assert "sticky" in explain_answer(400, body, answered=1)
    assert "sticky" not in explain_answer(400, body, answered=2)


# What the server tells first


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(orjson.dumps))
def test_a_handshake_is_one_or_a_documented_error(text):
    with contextlib.suppress(PacketError):
        assert Handshake(text).sid


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers() | st.text() | st.lists(st.text())
            for name in ("sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload")
        },
    ).map(lambda data: json.dumps(data).encode())
)
def test_a_handshake_with_something_strange_in_it_is_one_or_a_documented_error(text):
    try:
        handshake = Handshake(text)
    except PacketError:
        return
    assert isinstance(handshake.ping_interval, float)
    assert isinstance(handshake.upgrades, list)


def test_a_handshake_says_what_it_says():
    rest = b'"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}'
    handshake = Handshake(b'{"sid":"x",' + rest)
    assert (handshake.sid, handshake.upgrades) == ("x", ["websocket"])
    assert (handshake.ping_interval, handshake.ping_timeout, handshake.max_payload) == (25.0, 20.0, 1.0)
    with pytest.raises(PacketError, match=r"Engine\.IO 4"):
        Handshake(b'{"sid":null,' + rest)
    assert Handshake(b'{"sid":"x","pingInterval":1,"pingTimeout":1}').max_payload == math.inf
