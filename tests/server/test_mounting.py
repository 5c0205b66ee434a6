"""The server beside, inside and around other ASGI applications, and over TLS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route

from antiphon import Server, Socket
from peers import Endpoint, SocketPeer, eventually, raw_connection, receive, websocket_request
from server_helpers import Serve
from support import Certificate


def build_io(**options: object) -> Server:
    io = Server(**options)

    @io.event("echo")
    def echo(socket: Socket, *arguments: object) -> tuple[object, ...]:
        return arguments

    return io


def build_app(events: list[str] | None = None) -> FastAPI:
    """An application with a route, a WebSocket of its own, and a lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if events is not None:
            events.append("startup")
        yield
        if events is not None:
            events.append("shutdown")

    app = FastAPI(lifespan=lifespan)

    @app.get("/hello")
    def hello() -> str:
        return "world"

    @app.websocket("/own")
    async def own(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"own {text}")

    return app


async def check_both_transports(server: Endpoint) -> None:
    """Open a session over each transport, and upgrade one."""
    polling = await server.open_polling()
    await polling.send("40")
    assert (await polling.receive())[0].startswith('40{"sid"')
    async with server.websocket(sid=polling.sid) as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        await websocket.send("5")
        peer = SocketPeer(websocket)
        await peer.send('21["echo","upgraded"]')
        assert await peer.receive() == '31["upgraded"]'
    async with server.socket() as peer:
        await peer.send('22["echo","direct"]')
        assert await peer.receive() == '32["direct"]'


async def check_app(server: Endpoint) -> None:
    """Use the application beside the server."""
    assert (await server.at("/hello").request()).json == "world"
    async with server.at("/own").websocket() as websocket:
        await websocket.send("socket")
        assert await receive(websocket) == "own socket"
    assert (await server.at("/nothing").request()).status == 404


async def test_the_server_wraps_another_application(serve: Serve) -> None:
    server = serve(build_io(app=build_app()))
    await check_both_transports(server)
    await check_app(server)


async def test_an_application_is_wrapped_later(serve: Serve) -> None:
    io = build_io()
    app = io.wrap(build_app())
    assert app is io
    server = serve(app)
    await check_both_transports(server)
    await check_app(server)


async def test_the_wrapped_application_has_its_lifespan(way: str, http: object) -> None:
    events: list[str] = []
    from support import serving  # noqa: PLC0415 - the server must stop within the test

    with serving(build_io(app=build_app(events)), way):
        assert events == ["startup"]
    assert events == ["startup", "shutdown"]


@pytest.mark.parametrize(
    ("mount", "path"),
    [
        ("/ws", "/ws/socket.io/"),
        ("/ws/", "/ws/socket.io/"),
        ("/deep/er", "/deep/er/socket.io/"),
        ("/socket.io", "/socket.io/"),
        ("/", "/socket.io/"),
    ],
)
async def test_the_server_is_mounted_in_fastapi(serve: Serve, mount: str, path: str) -> None:
    app = build_app()
    app.mount(mount, build_io())
    server = serve(app, path)
    await check_both_transports(server)
    await check_app(server)


async def test_the_server_is_mounted_in_starlette_behind_a_middleware(serve: Serve) -> None:
    async def hello(request: object) -> PlainTextResponse:
        return PlainTextResponse("world")

    inner = Starlette(routes=[Mount("/inner", build_io())])
    routes = [Route("/hello", hello), Mount("/outer", inner)]
    server = serve(Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)]), "/outer/inner/socket.io/")
    await check_both_transports(server)
    assert (await server.at("/hello").request()).text == "world"


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_a_root_path_in_front_is_left_out(serve: Serve) -> None:
    """As behind a proxy that takes the prefix off."""
    app = build_app()
    app.mount("/ws", build_io())
    server = serve(app, "/ws/socket.io/", root_path="/api")
    await check_both_transports(server)


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_two_servers_may_live_in_one_application(serve: Serve) -> None:
    app = build_app()
    first, second = build_io(), build_io(initial_packet="second")
    app.mount("/first", first)
    app.mount("/second", second)
    server = serve(app, "/first/socket.io/")
    await check_both_transports(server)
    async with server.at("/second/socket.io/").websocket() as websocket:
        await receive(websocket)
        assert await receive(websocket) == "4second"
    assert len(first.engine.sockets) <= 1


async def served_at(server: Endpoint, host: str) -> list[str]:
    """Return what is served at a host, over each transport: the first packet of an application, or a status."""
    answer = await server.request(headers={"host": host})
    found = [answer.text.split("\x1e")[1] if answer.status == 200 else str(answer.status)]
    async with raw_connection(server) as peer:
        request = websocket_request(server)
        own = "{}:{}".format(*server.address).encode()
        assert own in request
        await peer.send(request.replace(own, host.encode()))
        status, _ = await peer.read_head()
        if status == 101:
            await peer.read_text()
        found.append(await peer.read_text() if status == 101 else str(status))
    return found


@pytest.mark.parametrize("shape", ["routes", "within a mount", "no route"])
async def test_each_host_has_a_server_of_its_own(serve: Serve, shape: str) -> None:
    first, second, rest = (build_io(initial_packet=name) for name in ("first", "second", "rest"))
    hosts = [Host("first.test", first), Host("{any}.second.test", Starlette(routes=[Mount("/", second)]))]
    routes = [*hosts, Mount("/", rest)]
    server = serve(
        {
            "routes": Starlette(routes=routes),
            "within a mount": Starlette(routes=[Mount("/", Starlette(routes=routes))]),
            "no route": Starlette(routes=[Mount("/", hosts[0])]),
        }[shape]
    )
    assert await served_at(server, "first.test") == ["4first", "4first"]
    if shape == "no route":
        return
    assert await served_at(server, "a.second.test") == ["4second", "4second"]
    assert await served_at(server, "third.test") == ["4rest", "4rest"]


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_it_works_over_tls(serve: Serve, certificate: Certificate) -> None:
    io = build_io()
    secure: list[bool] = []

    @io.on("connection")
    def connection(socket: Socket) -> None:
        secure.append(socket.handshake.secure)

    server = serve(io, certificate=certificate)
    assert server.url.startswith("https://")
    await check_both_transports(server)
    assert secure == [True, True]


@pytest.mark.parametrize("way", ["fast"])
async def test_a_tls_handshake_that_fails_is_a_line_in_the_log(
    serve: Serve, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(build_io(), certificate=certificate)
    with caplog.at_level(logging.INFO):
        caplog.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.running.port)
        # The beginning of a record, of which the rest never comes.
        writer.write(b"\x16\x03\x01\x02")
        await writer.drain()
        writer.close()
        await eventually(lambda: "SSL handshake failed: ConnectionResetError" in caplog.text)
        await check_both_transports(server)
    assert [record.levelname for record in caplog.records if record.name in ("antiphon.server", "asyncio")] == ["INFO"]


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_other_websockets_work_over_tls_too(serve: Serve, certificate: Certificate) -> None:
    app = build_app()
    app.mount("/ws", build_io())
    server = serve(app, "/ws/socket.io/", certificate=certificate)
    await check_both_transports(server)
    await check_app(server)
