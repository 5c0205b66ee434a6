"""What decides whether a session is opened, and what its first response carries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from antiphon import ConnectionRefused, Cookie, Request, Server
from peers import Endpoint, SocketPeer, receive
from server_helpers import ONE_WAY, Serve


async def refusal(server: Endpoint, **query: object) -> tuple[int, str, str]:
    """Return status, content type and body of a refused WebSocket handshake."""
    with pytest.raises(InvalidStatus) as caught:
        async with server.websocket(**query):
            pass
    response = caught.value.response
    return response.status_code, response.headers["content-type"], (response.body or b"").decode()


# Refused WebSocket handshakes


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"transport": "carrier pigeon"}, "Transport unknown"),
        ({"sid": "nobody"}, "Session ID unknown"),
        ({"EIO": "3"}, "Unsupported protocol version"),
    ],
)
async def test_a_refused_websocket_is_a_400_with_the_message(
    server: Endpoint, query: dict[str, object], message: str
) -> None:
    assert await refusal(server, **query) == (400, "text/html", message)


# allow_request


def deny(request: Request) -> bool:
    return request.query.get("token") == "secret"


async def deny_async(request: Request) -> bool:
    await asyncio.sleep(0)
    return request.query.get("token") == "secret"


@pytest.mark.parametrize("decide", [deny, deny_async])
async def test_allow_request_decides_about_new_sessions(serve: Serve, decide: Callable[..., bool]) -> None:
    server = serve(Server(allow_request=decide))
    answer = await server.request()
    assert (answer.status, answer.json) == (403, {"code": 4, "message": "Forbidden"})
    assert await refusal(server) == (400, "text/html", "Forbidden")
    peer = await server.open_polling(token="secret")
    # It is not asked about sessions that are open: these requests have no token.
    assert (await server.request("POST", data="40", sid=peer.sid)).status == 200
    async with server.websocket(token="secret") as websocket:
        assert (await receive(websocket)).startswith("0")


async def test_allow_request_may_say_why_it_refuses(serve: Serve) -> None:
    def refuse(request: Request) -> bool:
        raise ConnectionRefused("no room for you")

    server = serve(Server(allow_request=refuse))
    answer = await server.request()
    assert (answer.status, answer.json) == (403, {"code": 4, "message": "no room for you"})
    assert await refusal(server) == (400, "text/html", "no room for you")


@ONE_WAY
async def test_an_allow_request_that_fails_refuses_and_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request) -> bool:
        raise ValueError("broken hook")

    server = serve(Server(allow_request=fail))
    answer = await server.request()
    assert (answer.status, answer.json) == (403, {"code": 4, "message": "Forbidden"})
    assert await refusal(server) == (400, "text/html", "Forbidden")
    assert "broken hook" in caplog.text


@ONE_WAY
async def test_allow_request_is_asked_before_the_revision_is_looked_at(serve: Serve) -> None:
    server = serve(Server(allow_request=lambda request: False))
    assert (await server.request(EIO="3")).json["code"] == 4


# generate_id


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_generate_id_makes_the_session_id(serve: Serve) -> None:
    async def generate(request: Request) -> str:
        return "id-of-" + request.query["transport"]

    server = serve(Server(generate_id=generate))
    assert (await server.open_polling()).sid == "id-of-polling"
    async with server.websocket() as websocket:
        assert orjson.loads((await receive(websocket))[1:])["sid"] == "id-of-websocket"


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_a_generate_id_that_fails_refuses_the_session(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: Request) -> str:
        raise ValueError("no more ids")

    server = serve(Server(generate_id=fail))
    answer = await server.request()
    assert (answer.status, answer.json) == (400, {"code": 3, "message": "Bad request"})
    assert await refusal(server) == (400, "text/html", "Bad request")
    assert "no more ids" in caplog.text


async def test_ids_are_long_and_none_betrays_another(server: Endpoint) -> None:
    first, second = await server.open_polling(), await server.open_polling()
    assert len(first.sid) >= 20
    assert first.sid != second.sid
    async with server.websocket() as websocket:
        session = orjson.loads((await receive(websocket))[1:])["sid"]
        assert await SocketPeer(websocket).join() != session


# initial_packet


async def test_the_initial_packet_comes_with_the_handshake(serve: Serve) -> None:
    server = serve(Server(initial_packet="welcome"))
    peer = await server.open_polling()
    assert peer.packets[1:] == ["4welcome"]
    async with server.websocket() as websocket:
        assert (await receive(websocket)).startswith("0")
        assert await receive(websocket) == "4welcome"


@ONE_WAY
async def test_the_initial_packet_may_be_binary(serve: Serve) -> None:
    server = serve(Server(initial_packet=b"\x01\x02"))
    assert (await server.open_polling()).packets[1:] == ["bAQI="]
    async with server.websocket() as websocket:
        await receive(websocket)
        assert await receive(websocket) == b"\x01\x02"


# Cookie


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (True, "io={sid}; Path=/; HttpOnly; SameSite=Lax"),
        ("lb", "lb={sid}; Path=/; HttpOnly; SameSite=Lax"),
        (
            Cookie(name="c", path="/x", domain="example.com", max_age=60, secure=True, same_site="strict"),
            "c={sid}; Max-Age=60; Domain=example.com; Path=/x; HttpOnly; Secure; SameSite=Strict",
        ),
        (Cookie(path=None, http_only=False, same_site=None), "io={sid}"),
    ],
)
@ONE_WAY
async def test_the_cookie_names_the_session(serve: Serve, option: bool | str | Cookie, expected: str) -> None:
    peer = await serve(Server(cookie=option)).open_polling()
    assert peer.opening.headers["set-cookie"] == expected.format(sid=peer.sid)


async def test_only_the_polling_handshake_sets_the_cookie(serve: Serve) -> None:
    server = serve(Server(cookie=True))
    peer = await server.open_polling()
    assert "set-cookie" in peer.opening.headers
    assert "set-cookie" not in (await peer.post("40")).headers
    assert "set-cookie" not in (await peer.poll()).headers
    async with server.websocket() as websocket:
        assert "set-cookie" not in websocket.response.headers


async def test_without_the_option_there_is_no_cookie(server: Endpoint) -> None:
    assert "set-cookie" not in (await server.open_polling()).opening.headers


# Events of the engine


async def test_connection_error_tells_what_was_refused(server: Endpoint, io: Server) -> None:
    errors: list[tuple[str, int, str, dict[str, object]]] = []

    @io.engine.on("connection_error")
    def connection_error(error: object) -> None:
        errors.append((error.request.method, error.code, error.message, dict(error.context)))

    await server.request(transport="x")
    await server.request(sid="nobody")
    await server.request("POST")
    await server.request(transport="websocket")
    await server.request(EIO="3")
    await refusal(server, transport="y")
    assert errors == [
        ("GET", 0, "Transport unknown", {"transport": "x"}),
        ("GET", 1, "Session ID unknown", {"sid": "nobody"}),
        ("POST", 2, "Bad handshake method", {"method": "POST"}),
        ("GET", 3, "Bad request", {"name": "TRANSPORT_HANDSHAKE_ERROR"}),
        ("GET", 5, "Unsupported protocol version", {"protocol": 3}),
        ("GET", 0, "Transport unknown", {"transport": "y"}),
    ]


async def test_connection_error_tells_of_a_transport_that_does_not_match(server: Endpoint, io: Server) -> None:
    contexts: list[dict[str, object]] = []

    @io.engine.on("connection_error")
    def connection_error(error: object) -> None:
        contexts.append(dict(error.context))

    async with server.websocket() as websocket:
        sid = orjson.loads((await receive(websocket))[1:])["sid"]
        await server.request(sid=sid)
    assert contexts == [
        {"name": "TRANSPORT_MISMATCH", "transport": "polling", "previous_transport": "websocket"},
    ]


async def test_headers_may_be_added_to_every_response_of_a_session(server: Endpoint, io: Server) -> None:
    @io.engine.on("initial_headers")
    def initial_headers(headers: dict[str, str], request: Request) -> None:
        headers["x-initial"] = "yes"

    @io.engine.on("headers")
    def headers(headers: dict[str, str], request: Request) -> None:
        headers["x-each"] = request.method + headers.get("x-initial", "")

    peer = await server.open_polling()
    posted, polled = await peer.post("40"), await peer.poll()
    assert (peer.opening.headers["x-initial"], peer.opening.headers["x-each"]) == ("yes", "GETyes")
    assert (posted.headers.get("x-initial"), posted.headers["x-each"]) == (None, "POST")
    assert (polled.headers.get("x-initial"), polled.headers["x-each"]) == (None, "GET")
    async with server.websocket() as websocket:
        assert websocket.response.headers["x-each"] == "GETyes"
    async with server.websocket(sid=peer.sid) as websocket:
        assert websocket.response.headers["x-each"] == "GET"
        assert "x-initial" not in websocket.response.headers


async def test_refusals_have_no_added_headers(server: Endpoint, io: Server) -> None:
    @io.engine.on("headers")
    def headers(headers: dict[str, str], request: Request) -> None:
        headers["x-each"] = "yes"

    assert "x-each" not in (await server.request(transport="x")).headers


async def test_a_listener_that_fails_does_no_harm(
    server: Endpoint, io: Server, caplog: pytest.LogCaptureFixture
) -> None:
    @io.engine.on("headers")
    def headers(headers: dict[str, str], request: Request) -> None:
        raise ValueError("broken listener")

    await server.open_polling()
    assert "broken listener" in caplog.text


async def test_the_count_of_clients_is_that_of_sessions(server: Endpoint, io: Server) -> None:
    await server.open_polling()
    async with server.websocket() as websocket:
        await receive(websocket)
        assert io.engine.clients_count == 2


# Why a client was refused is in the log


async def test_the_log_says_once_why_a_request_was_refused(server: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "antiphon")
    await server.request(transport="x")
    assert [record.getMessage() for record in caplog.records if record.name == "antiphon.engine"] == [
        "GET /socket.io/?EIO=4&transport=x refused: Transport unknown {'transport': 'x'}"
    ]
