"""What the server knows of a client at the beginning, and how the two meet: path, TLS, cookie, compression."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from antiphon import Cookie, Cors, PerMessageDeflate, Server
from antiphon.uvicorn._picows_connection import PicowsConnection
from interop_driver import until


@pytest.fixture
def handshakes(stage):
    """The handshakes of the sockets that have connected, in order."""
    found = []
    stage.io.on("connection", lambda socket: found.append(socket.handshake))
    return found


@pytest.mark.parametrize("auth_function", [False, True], ids=["object", "function"])
def test_auth_arrives(stage, connect, handshakes, auth_function):
    auth = {"token": "a ☃", "nested": {"list": [1, None, True]}}
    connect(stage, auth=auth, auth_function=auth_function)
    assert handshakes[0].auth == auth


def test_auth_is_empty_unless_given(stage, connect, handshakes):
    connect(stage)
    assert handshakes[0].auth == {}


def test_auth_is_asked_for_again_with_each_connection(stage, connect, handshakes):
    client = connect(stage, auth={"token": 1}, auth_function=True)
    client.disconnect()
    client.open()
    client.expect_connect()
    assert [handshake.auth for handshake in handshakes] == [{"token": 1}] * 2


def test_query_arrives(stage, connect, handshakes, transport):
    connect(stage, query={"plain": "1", "odd": "a&b=c d+é/☃", "empty": ""})
    query = handshakes[0].query
    assert {key: query[key] for key in ("plain", "odd", "empty")} == {"plain": "1", "odd": "a&b=c d+é/☃", "empty": ""}
    assert query["EIO"] == "4"
    assert query["transport"] == ("websocket" if transport == "websocket" else "polling")


def test_headers_address_and_url_arrive(stage, connect, handshakes):
    connect(stage, extraHeaders={"X-Custom": "a value", "Authorization": "Bearer abc"})
    handshake = handshakes[0]
    assert handshake.headers["x-custom"] == "a value"
    assert handshake.headers["authorization"] == "Bearer abc"
    assert handshake.headers["host"] == f"127.0.0.1:{stage.running.port}"
    assert handshake.address == "127.0.0.1"
    assert handshake.url.startswith("/socket.io/?EIO=4&")
    assert not handshake.secure
    assert not handshake.xdomain


def test_tls(serve, connect, certificate):
    stage = serve(tls=certificate)
    secure = []
    stage.io.on("connection", lambda socket: secure.append(socket.handshake.secure))

    @stage.io.event("ask")
    def ask(socket, *args):
        return args

    client = connect(stage, ca=certificate.ca)
    assert client.call("ask", "text", b"binary" * 1000) == ["text", b"binary" * 1000]
    assert client.call("ask", "x" * 50_000) == ["x" * 50_000]
    assert secure == [True]


def test_a_client_that_does_not_trust_the_certificate_does_not_connect(serve, node, certificate):
    stage = serve(tls=certificate)
    for transports in (["polling"], ["websocket"]):
        client = node.client(stage.url, transports=transports)
        assert client.expect("connect_error")["type"] == "TransportError"


def test_a_path_of_its_own(serve, connect):
    stage = serve(path="/chat/live")
    client = connect(stage, path="/chat/live")
    assert client.state()["connected"]


def test_a_path_without_a_slash_at_its_end(serve, connect):
    stage = serve(add_trailing_slash=False)
    client = connect(stage, addTrailingSlash=False)
    assert client.state()["connected"]
    assert connect(stage).state()["connected"]


def test_a_client_without_the_slash_gets_nothing_from_a_server_that_wants_it(stage, node, transport):
    transports = ["websocket"] if transport == "websocket" else ["polling"]
    client = node.client(stage.url, addTrailingSlash=False, transports=transports)
    assert client.expect("connect_error")["type"] == "TransportError"


def test_mounted_in_another_application(serve, connect):
    io = Server(path="/live")

    @io.event("ask")
    def ask(socket, value):
        return value, socket.handshake.url.partition("?")[0]

    async def page(request):
        return PlainTextResponse("page")

    app = Starlette(routes=[Route("/", page), Mount("/sub", app=io)])
    stage = serve(io, app=app)
    client = connect(stage, path="/sub/live")
    assert client.call("ask", b"binary") == [b"binary", "/sub/live/"]


def test_wrapped_around_another_application(serve, connect):
    io = Server()

    @io.event("ask")
    def ask(socket, value):
        return value

    async def page(request):
        return PlainTextResponse("page")

    stage = serve(io.wrap(Starlette(routes=[Route("/", page)])))
    assert connect(stage).call("ask", b"binary") == [b"binary"]


def test_the_cookie_is_kept_by_a_client_with_credentials(serve, node):
    stage = serve(cookie=Cookie(name="node"))
    seen = []

    @stage.io.engine.on("headers")
    def headers(headers, request):
        seen.append((request.method, request.upgrade, request.headers.get("cookie")))

    client = node.client(stage.url, transports=["polling", "websocket"], withCredentials=True)
    client.expect_connect()
    client.expect("upgrade")
    state = client.state()
    assert state["cookies"] == ["node"]
    assert seen[0] == ("GET", False, None)
    later = {cookie for _, _, cookie in seen[1:]}
    assert later == {f"node={state['session']}"}
    assert any(upgrade for _, upgrade, _ in seen)


def test_an_allowed_origin_connects_and_another_is_refused(serve, connect, node, transport):
    stage = serve(cors=Cors(origin="https://page.example", credentials=True))
    client = connect(stage, extraHeaders={"Origin": "https://page.example"})
    assert stage.socket(client).handshake.xdomain
    transports = ["websocket"] if transport == "websocket" else ["polling"]
    foreign = node.client(stage.url, transports=transports, extraHeaders={"Origin": "https://other.example"})
    assert foreign.expect("connect_error")["type"] == "TransportError"


@pytest.mark.parametrize(
    "options",
    [
        True,
        PerMessageDeflate(threshold=0),
        PerMessageDeflate(threshold=0, server_no_context_takeover=True, client_no_context_takeover=True),
        PerMessageDeflate(threshold=0, server_max_window_bits=10, client_max_window_bits=10),
    ],
    ids=["defaults", "everything", "no context takeover", "small windows"],
)
@pytest.mark.parametrize("way", ["fast"])
def test_messages_are_compressed_on_the_fast_path(serve, node, options):
    stage = serve(per_message_deflate=options)

    @stage.io.event("there")
    def there(socket, *args):
        socket.emit("back", *args)

    client = node.client(
        stage.url, transports=["websocket"], perMessageDeflate={"threshold": 0, "clientMaxWindowBits": 15}
    )
    client.expect_connect()
    assert "permessage-deflate" in client.state()["extensions"]
    text = "the same again and again " * 400
    for values in (["short"], [text], [text, b"\x00\x01" * 5000], [{"a": [b"", "é" * 3000]}], list(range(3000))):
        client.emit("there", *values)
        assert client.expect_event("back") == values
    client.count("there", 200)
    until(lambda: client.seen.count("event", event="back") == 205)


@pytest.mark.parametrize("way", ["fast"])
def test_a_client_without_compression_is_served_all_the_same(serve, node):
    stage = serve(per_message_deflate=True)
    client = node.client(stage.url, transports=["websocket"], perMessageDeflate=False)
    client.expect_connect()
    assert not client.state()["extensions"]
    stage.running.call(lambda: stage.io.emit("text", "x" * 5000))
    assert client.expect_event("text") == ["x" * 5000]


@pytest.mark.parametrize("way", ["fast"])
def test_the_fast_path_is_what_is_tested(stage, node):
    client = node.client(stage.url, transports=["websocket"])
    client.expect_connect()
    assert isinstance(stage.socket(client).conn.transport, PicowsConnection)


def test_a_transport_that_is_not_enabled_is_refused(serve, node):
    stage = serve(transports=["polling"])
    client = node.client(stage.url, transports=["websocket"])
    assert client.expect("connect_error")["type"] == "TransportError"
    client = node.client(stage.url, transports=["websocket", "polling"], tryAllTransports=True)
    assert client.expect_connect()["transport"] == "polling"


def test_without_upgrades_the_client_stays_on_polling(serve, node):
    stage = serve(allow_upgrades=False)
    client = node.client(stage.url)
    client.expect_connect()
    stage.running.call(lambda: stage.io.emit("text", "x"))
    client.expect_event("text")
    assert client.state()["transport"] == "polling"
    assert client.seen.count("upgrade") == 0


def test_base64_can_be_forced_by_the_client(stage, node):
    @stage.io.event("ask")
    def ask(socket, value):
        return value

    client = node.client(stage.url, transports=["polling"], forceBase64=True)
    client.expect_connect()
    assert client.call("ask", b"\x00\xff") == [b"\x00\xff"]
