"""The options of the client: each is checked when it is given, and the error says what to give."""

from __future__ import annotations

import math

import pytest

from antiphon import ClientOptions, ConfigurationError, Manager, SocketOptions, connect
from antiphon.sync import connect as blocking_connect

WRONG = [
    ({"timeuot": 5}, "did you mean timeout"),
    ({"reconnectionDelay": 5}, "did you mean reconnection_delay"),
    ({"timeout": 20_000_000}, "is in seconds"),
    ({"timeout": -1}, "above 0"),
    ({"reconnection_delay": "1"}, "number of seconds"),
    ({"reconnection_attempts": 0}, "at least 1"),
    ({"reconnection_attempts": 1.5}, "whole number"),
    ({"randomization_factor": 2}, "from 0 to 1"),
    ({"transports": "websocket"}, "list"),
    ({"transports": []}, "at least one"),
    ({"transports": ["webtransport"]}, "polling"),
    ({"upgrade": 1}, "True or False"),
    ({"path": "http://localhost/x"}, "path"),
    ({"query": {"a": 1}}, "strings"),
    ({"query": {"EIO": "3"}}, "belongs to the protocol"),
    ({"extra_headers": ["a"]}, "mapping"),
    ({"protocols": "chat"}, "list"),
    ({"ssl": "cert.pem"}, "SSLContext"),
    ({"proxy": "localhost:3128"}, "proxy"),
    ({"proxy": "ftp://localhost"}, "none of"),
    ({"parser": object}, "parser"),
    ({"max_attachments": -1}, "max_attachments"),
    ({"per_message_deflate": 5}, "PerMessageDeflate"),
]
WRONG_OF_SOCKETS = [
    ({"auth": "token"}, "dictionary"),
    ({"retries": -1}, "retries"),
    ({"retries": 1.5}, "whole number"),
    ({"ack_timeout": 0}, "above 0"),
    ({"when_offline": "wait"}, '"buffer", "drop" or "raise"'),
    ({"send_buffer_size": 0}, "at least 1"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_a_wrong_option_of_a_connection_is_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        Manager("http://localhost:3000", **options)


@pytest.mark.parametrize(("options", "words"), [*WRONG, *WRONG_OF_SOCKETS])
async def test_connect_refuses_it_too(options, words):
    with pytest.raises(ConfigurationError, match=words):
        connect("http://localhost:3000", **options)


@pytest.mark.parametrize(("options", "words"), [*WRONG, *WRONG_OF_SOCKETS])
def test_the_blocking_connect_refuses_it_too(options, words):
    with pytest.raises(ConfigurationError, match=words):
        blocking_connect("http://localhost:3000", **options)


def test_without_an_event_loop_the_error_says_what_to_take():
    with pytest.raises(ConfigurationError, match=r"antiphon\.sync"):
        connect("http://localhost:3000")


async def test_a_namespace_in_the_url_and_another_one_is_an_error():
    with pytest.raises(ConfigurationError, match="which one"):
        connect("http://localhost:3000/a", namespace="/b")


@pytest.mark.parametrize("nsp", ["", "/a,b", 5])
async def test_what_cannot_be_a_namespace_is_refused(nsp):
    with pytest.raises(ConfigurationError, match="namespace"):
        Manager(auto_connect=False).socket(nsp)


def test_the_path_has_a_slash_at_its_end_or_not():
    assert ClientOptions(path="/ws/").request_path == "/ws/"
    assert ClientOptions(path="ws", add_trailing_slash=False).request_path == "/ws"
    assert ClientOptions(path="/").request_path == "/"


def test_retries_have_a_timeout_of_their_own_accord():
    assert SocketOptions(retries=math.inf).ack_timeout == 10.0
    assert SocketOptions(retries=3, ack_timeout=1).ack_timeout == 1
    assert SocketOptions().ack_timeout is None


async def test_auth_is_checked_when_it_is_changed():
    socket = Manager(auto_connect=False).socket("/")
    with pytest.raises(ConfigurationError, match="dictionary"):
        socket.auth = "token"
    socket.auth = {"token": "x"}
    assert socket.auth == {"token": "x"}
