"""Connecting: namespaces, shared connections, ``auth``, and what there is to say when it fails."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

import antiphon
import antiphon.sync
from antiphon import ConfigurationError, ConnectError, ConnectionRefused, Disconnected, ManagerState, SocketState
from antiphon.types import TransportName
from faces import QUICK, AsyncioFace, Connect, Face, Guest
from hosts import Host, OddServer, RecordingRelay
from interop_driver import until


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nothing listens."""
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


# Connecting


def test_a_client_connects(host: Host, connect: Connect, transport: TransportName) -> None:
    guest = connect(host)
    assert isinstance(guest.id, str)
    assert (guest.connected, guest.disconnected, guest.active, guest.recovered) == (True, False, True, False)
    assert guest.state is SocketState.CONNECTED
    assert guest.nsp == "/"
    assert guest.io.state is ManagerState.OPEN
    assert guest.io.transport_name == transport
    assert guest.emit_with_ack("transport") == transport


async def test_it_is_connected_in_async_with_and_by_await(host: Host, transport: TransportName) -> None:
    async with antiphon.connect(host.url, transports=[transport]) as socket:
        assert socket.connected
        assert await socket.emit_with_ack("ask", "hello") == "hello"
    assert (socket.connected, socket.active, socket.id) == (False, False, None)
    other = await antiphon.connect(host.url, transports=[transport])
    assert other.connected
    await other.disconnect()
    assert other.io.state is ManagerState.CLOSED


def test_it_is_connected_in_with_and_when_connect_returns(host: Host, transport: TransportName) -> None:
    with antiphon.sync.connect(host.url, transports=[transport]) as socket:
        assert socket.connected
        assert socket.emit_with_ack("ask", "hello") == "hello"
    assert (socket.connected, socket.active, socket.id) == (False, False, None)
    other = antiphon.sync.connect(host.url, transports=[transport])
    assert other.connected
    other.disconnect()
    assert other.io.state is ManagerState.CLOSED


def test_it_connects_when_it_is_told_to(host: Host, face: Face, transport: TransportName) -> None:
    guest = face.prepare(host.url, transports=[transport])
    assert (guest.active, guest.connected, guest.io.state) == (False, False, ManagerState.CLOSED)
    guest.connect()
    guest.expect("connect")
    guest.disconnect()
    assert guest.expect("disconnect") == ["io client disconnect", None]
    assert (guest.active, guest.connected, guest.disconnected) == (False, False, True)
    guest.open()
    guest.expect("connect")
    assert guest.connected
    guest.close()
    assert guest.expect("disconnect") == ["io client disconnect", None]


def test_who_connects_twice_is_connected_once(host: Host, connect: Connect) -> None:
    guest = connect(host)
    name = guest.id
    guest.connect()
    guest.connect()
    assert guest.emit_with_ack("ask", 1) == 1
    assert (guest.id, guest.count("connect")) == (name, 1)


def test_handlers_that_are_there_at_once_get_the_first_event(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["greeting"], auth={"greetings": 3})
    assert [guest.expect("greeting") for _ in range(3)] == [[0], [1], [2]]


async def test_handlers_after_await_get_the_first_event(host: Host, transport: TransportName) -> None:
    socket = await antiphon.connect(host.url, transports=[transport], auth={"greetings": 3})
    seen: list[int] = []
    socket.on("greeting", seen.append)
    assert await socket.emit_with_ack("ask", 1) == 1
    assert seen == [0, 1, 2]
    await socket.disconnect()


def test_handlers_after_connect_get_the_first_event(host: Host, transport: TransportName) -> None:
    with antiphon.sync.connect(host.url, transports=[transport], auth={"greetings": 3}) as socket:
        assert socket.emit_with_ack("ask", 1) == 1
        seen: list[int] = []
        socket.on("greeting", seen.append)
        until(lambda: seen == [0, 1, 2])


# Namespaces


def test_the_path_of_the_url_is_the_namespace(host: Host, connect: Connect, face: Face) -> None:
    guests = [connect(host, "/admin"), connect(host, "", namespace="/admin"), connect(host, "/admin?x=1")]
    assert [guest.nsp for guest in guests] == ["/admin"] * 3
    assert connect(host).nsp == "/"
    with pytest.raises(ConfigurationError, match="which one"):
        face.prepare(f"{host.url}/admin", namespace="/other")


def test_namespaces_share_a_connection(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo"])
    sessions = guest.emit_with_ack("sessions")
    admin = guest.io.socket("/admin", auth={"token": 1})
    admin.note("echo")
    admin.connect()
    admin.expect("connect")
    assert admin.io.target is guest.io.target
    assert guest.io.socket("/admin") is admin
    assert admin.emit_with_ack("sessions") == sessions
    assert admin.emit_with_ack("handshake")["auth"] == {"token": 1}
    guest.emit("echo", "main")
    admin.emit("echo", "admin")
    assert (guest.expect("echo"), admin.expect("echo")) == (["main"], ["admin"])
    assert guest.id != admin.id
    # One can go without the other; the last closes the connection.
    guest.disconnect()
    assert admin.emit_with_ack("ask", 1) == 1
    assert admin.io.state.value == "open"
    admin.disconnect()
    assert admin.io.state is ManagerState.CLOSED


def test_a_namespace_that_is_not_there_is_refused(host: Host, start: Connect) -> None:
    guest = start(host, "/nowhere")
    [error] = guest.expect("connect_error")
    assert isinstance(error, ConnectionRefused)
    assert error.message == "Invalid namespace"


def test_connections_are_shared_unless_that_is_not_wanted(host: Host, asyncio_face: AsyncioFace) -> None:
    options: Any = {**QUICK, "transports": ["websocket"]}
    main = asyncio_face.connect(host.url, **options)

    def shares(nsp: str, **more: Any) -> bool:
        guest = asyncio_face.prepare(host.url + nsp, **{**options, **more})
        return guest.io.target is main.io.target

    assert shares("/admin")
    # There is one socket for a namespace.
    assert not shares("/admin")
    assert not shares("/other", force_new=True)
    assert not shares("/other", multiplex=False)
    assert not shares("/other", path="/elsewhere")
    assert not shares("/other?token=1")
    assert shares("/other")


def test_a_manager_has_sockets_that_share_its_connection(host: Host, face: Face, transport: TransportName) -> None:
    manager = face.manager(host.url, transports=[transport], **QUICK)
    seen: list[str] = []
    for event in ("open", "close"):
        manager.on(event, lambda *_args, event=event: seen.append(event))
    guest = manager.socket("/")
    assert isinstance(guest, Guest)
    other = manager.socket("admin")
    assert other.nsp == "/admin"
    until(lambda: guest.connected and other.connected)
    assert manager.socket("/").target is guest.target
    assert set(manager.nsps) == {"/", "/admin"}
    until(lambda: seen == ["open"])
    manager.close()
    assert guest.expect("disconnect") == ["forced close", None]
    assert other.expect("disconnect") == ["forced close", None]
    assert (guest.active, other.active) == (False, False)
    until(lambda: seen == ["open", "close"])
    # A socket opens it again.
    guest.connect()
    until(lambda: guest.connected)
    assert not other.connected


def test_a_manager_does_not_connect_by_itself_if_that_is_not_wanted(
    host: Host, face: Face, transport: TransportName
) -> None:
    manager = face.manager(host.url, transports=[transport], auto_connect=False)
    guest = manager.socket("/")
    assert (guest.active, manager.state) == (False, ManagerState.CLOSED)
    guest.connect()
    guest.expect("connect")


# auth


def test_auth_is_a_value_or_a_function_asked_at_each_attempt(
    relay: RecordingRelay, connect: Connect, face: Face
) -> None:
    numbers = itertools.count()
    counted = connect(relay, auth=lambda: {"number": next(numbers)})
    fixed = connect(relay, auth={"fixed": True, "deep": {"er": [1]}}, force_new=True)
    assert counted.emit_with_ack("handshake")["auth"] == {"number": 0}
    assert fixed.emit_with_ack("handshake")["auth"] == {"fixed": True, "deep": {"er": [1]}}
    with relay.cut_off():
        counted.expect("disconnect")
        fixed.expect("disconnect")
    counted.expect("connect")
    fixed.expect("connect")
    assert counted.emit_with_ack("handshake")["auth"] == {"number": 1}
    assert fixed.emit_with_ack("handshake")["auth"] == {"fixed": True, "deep": {"er": [1]}}


def test_auth_may_be_an_async_function(host: Host, connect: Connect) -> None:
    async def fetch() -> dict[str, Any]:
        return {"token": "fetched"}

    assert connect(host, auth=fetch).emit_with_ack("handshake")["auth"] == {"token": "fetched"}


def test_auth_may_be_changed_before_it_connects_again(host: Host, connect: Connect) -> None:
    guest = connect(host)
    assert not guest.auth
    guest.disconnect()
    guest.put("auth", {"token": 2})
    assert guest.auth == {"token": 2}
    guest.connect()
    guest.expect("connect")
    assert guest.emit_with_ack("handshake")["auth"] == {"token": 2}
    with pytest.raises(ConfigurationError, match="auth must be a dictionary"):
        guest.put("auth", "token")


def test_a_function_for_auth_that_fails_is_asked_again(
    host: Host, start: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    answers: Iterator[Any] = iter([ValueError("the token service is down"), {"token": 1}])

    def fetch() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    guest = start(host, auth=fetch)
    [error] = guest.expect("connect_error")
    assert isinstance(error, ConnectionRefused)
    assert "the token service is down" in str(error)
    guest.expect("connect")
    assert guest.emit_with_ack("handshake")["auth"] == {"token": 1}
    assert "the function that makes auth has failed" in caplog.text


# Refused


def test_a_refusal_tells_message_and_data_and_is_final(host: Host, start: Connect, face: Face) -> None:
    guest = start(host, auth={"refuse": True})
    [error] = guest.expect("connect_error")
    assert isinstance(error, ConnectionRefused)
    assert (error.message, error.data, str(error)) == ("not you", {"code": 7}, "not you")
    until(lambda: not guest.active)
    assert (guest.connected, guest.id, guest.state) == (False, None, SocketState.INACTIVE)
    # Whoever is better prepared may try again.
    guest.put("auth", {})
    guest.connect()
    guest.expect("connect")
    assert (guest.count("connect_error"), guest.count("connect")) == (1, 1)


def test_who_waits_for_the_connection_is_told_of_a_refusal(host: Host, face: Face, transport: TransportName) -> None:
    guest = face.prepare(host.url, transports=[transport], auth={"refuse": True})
    with pytest.raises(ConnectionRefused, match="not you"):
        wait_until_connected(face, guest)


def wait_until_connected(face: Face, guest: Guest) -> None:
    """Connect, and raise what there is to raise."""

    async def wait() -> None:
        await guest.target.connect()

    face.run(wait if face.name == "asyncio" else guest.target.connect)


def test_one_namespace_may_be_refused_while_another_is_not(host: Host, connect: Connect) -> None:
    guest = connect(host)
    admin = guest.io.socket("/admin", auth={"refuse": True})
    [error] = admin.expect("connect_error") if admin.active else [None]
    until(lambda: not admin.active)
    assert error is None or error.message == "not you"
    assert guest.emit_with_ack("ask", 1) == 1


# Not connected


def test_the_first_connection_is_tried_again(
    relay: RecordingRelay, start: Connect, transport: TransportName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "antiphon.client")
    with relay.cut_off():
        guest = start(relay)
        guest.watch("reconnect_attempt", "reconnect")
        [error] = guest.expect("connect_error")
        assert isinstance(error, ConnectError)
        assert (error.transport, error.url, error.status) == (transport, relay.url, None)
        assert guest.active
        guest.expect("reconnect_attempt")
    guest.expect("connect")
    guest.expect("reconnect")
    assert guest.emit_with_ack("ask", 1) == 1
    assert f"{relay.url}: attempt 1 to connect again in 0.0 s: cannot connect to {relay.url}" in caplog.text


def test_nobody_waits_longer_than_the_first_attempt_if_that_is_not_wanted(
    closed_port: int, hosts: dict[str, Host], face: Face, transport: TransportName
) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    guest = face.prepare(url, transports=[transport], fail_fast=True)
    with pytest.raises(ConnectError) as caught:
        wait_until_connected(face, guest)
    assert str(caught.value) == (
        f"cannot connect to {url} by {transport}: the connection was refused: nothing listens there"
    )
    assert (caught.value.transport, caught.value.url, caught.value.status) == (transport, url, None)
    assert not guest.active
    # The blocking client has closed it, with its threads.
    assert guest.io.state is (ManagerState.FAILED if face.name == "asyncio" else ManagerState.CLOSED)
    assert isinstance(guest.expect("connect_error")[0], ConnectError)


def test_a_wrong_path_is_told_with_status_and_body(host: Host, face: Face, transport: TransportName) -> None:
    guest = face.prepare(host.url, transports=[transport], path="/elsewhere", fail_fast=True)
    with pytest.raises(ConnectError, match=f"cannot connect to {host.url} by {transport}: the") as caught:
        wait_until_connected(face, guest)
    if caught.value.status is not None:
        assert caught.value.status == 404
        # Antiphon says itself where it is.
        hints = ("is there a Socket.IO server at this path? path= says", "The Socket.IO server answers at /socket.io/")
        assert any(hint in str(caught.value) for hint in hints)
    else:
        # The official server does not answer a WebSocket at another path: it ends the connection.
        assert transport == "websocket"
        assert "the connection" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, '{"code":1,"message":"Session ID unknown"}', "several processes need sticky sessions"),
        (400, '{"code":5,"message":"Unsupported protocol version"}', "it speaks Socket.IO 2"),
        (502, "<h1>Bad gateway</h1>", "the server answered 502: <h1>Bad gateway</h1>"),
        (404, "nothing here", "is there a Socket.IO server at this path? path= says where it is"),
        (401, "", "the server answered 401"),
    ],
)
def test_what_another_server_answers_is_told(
    odd_server: OddServer, face: Face, transport: TransportName, status: int, body: str, says: str
) -> None:
    odd_server.answer = (status, body)
    guest = face.prepare(odd_server.url, transports=[transport], fail_fast=True)
    with pytest.raises(ConnectError) as caught:
        wait_until_connected(face, guest)
    error = caught.value
    assert (error.status, error.body, error.transport) == (status, body, transport)
    assert says in str(error)
    assert guest.expect("connect_error") == [error]


def test_the_body_of_an_answer_may_come_late(odd_server: OddServer, face: Face, transport: TransportName) -> None:
    odd_server.answer, odd_server.in_two_pieces = (503, "come back later"), True
    guest = face.prepare(odd_server.url, transports=[transport], fail_fast=True)
    with pytest.raises(ConnectError, match="the server answered 503: come back later") as caught:
        wait_until_connected(face, guest)
    assert (caught.value.status, caught.value.body) == (503, "come back later")


def test_a_page_is_no_server(odd_server: OddServer, face: Face) -> None:
    odd_server.answer = (200, "<html>hello</html>")
    guest = face.prepare(odd_server.url, transports=["polling"], fail_fast=True)
    with pytest.raises(ConnectError, match=r"is there a Socket\.IO server at this path") as caught:
        wait_until_connected(face, guest)
    assert (caught.value.status, caught.value.body) == (200, "<html>hello</html>")


def test_a_server_of_version_2_is_noticed(odd_server: OddServer, face: Face) -> None:
    odd_server.answer = (200, '85:0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}')
    guest = face.prepare(odd_server.url, transports=["polling"], fail_fast=True)
    with pytest.raises(ConnectError, match=r"it speaks Socket\.IO 2"):
        wait_until_connected(face, guest)


def test_an_attempt_takes_as_long_as_it_may(face: Face, transport: TransportName) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        guest = face.start(url, transports=[transport], timeout=0.1, **QUICK)
        guest.watch("reconnect_attempt")
        [error] = guest.expect("connect_error")
        assert str(error) == f"cannot connect to {url} by {transport}: no answer within 0.1 s"
        guest.expect("reconnect_attempt")
        guest.disconnect()


def test_a_request_takes_as_long_as_it_may(face: Face) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        guest = face.prepare(url, transports=["polling"], request_timeout=0.1, fail_fast=True)
        with pytest.raises(ConnectError, match="by polling: it took too long"):
            wait_until_connected(face, guest)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", "the server has closed the connection"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/pl", "the connection was lost in the middle of an answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0{", "the connection was lost in the middle of an answer"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0{",
            "the connection was lost in the middle of an answer",
        ),
    ],
    ids=["nothing", "a part of the head", "a part of the body", "a part of a chunk"],
)
def test_a_part_of_an_answer_is_not_shown_to_people(face: Face, part: str, words: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            connection = listener.accept()[0]
            with closing(connection):
                connection.recv(65_536)
                connection.sendall(part.encode())

        answering = threading.Thread(target=answer)
        answering.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        guest = face.prepare(url, transports=["polling"], fail_fast=True)
        with pytest.raises(ConnectError) as caught:
            wait_until_connected(face, guest)
        assert str(caught.value) == f"cannot connect to {url} by polling: {words}"
        answering.join(10)


def test_who_disconnects_while_it_connects_is_not_connected(relay: RecordingRelay, start: Connect, face: Face) -> None:
    with relay.cut_off():
        guest = start(relay)
        waiting = face.begin(_until_connected_of(face, guest))
        guest.expect("connect_error")
        guest.disconnect()
        assert not guest.active
        with pytest.raises(Disconnected, match="disconnected by the client"):
            waiting.result(5)
    assert guest.count("connect") == 0


def _until_connected_of(face: Face, guest: Guest) -> Callable[..., Any]:
    """Return what waits for the connection."""

    async def wait() -> None:
        await guest.target

    return wait if face.name == "asyncio" else guest.target.connect
