"""Options that change how a server answers, beyond those that have a test module of their own."""

from __future__ import annotations

import gzip
import zlib

import aiohttp
import pytest

from antiphon import ConfigurationError, HTTPCompression, Server, Socket
from peers import Answer, Endpoint, raw_websocket, receive
from server_helpers import ONE_WAY, Serve

# Path


async def test_the_path_is_compared_by_prefix(server: Endpoint) -> None:
    for path in ("/socket.io/", "/socket.io/anything", "/socket.io//"):
        assert (await server.at(path).request()).status == 200
        async with server.at(path).websocket() as websocket:
            assert (await receive(websocket)).startswith("0")


async def test_other_paths_are_not_found_and_the_answer_says_where_the_server_is(server: Endpoint) -> None:
    for path in ("/", "/socket.io", "/socket.iox/", "/x/socket.io/"):
        answer = await server.at(path).request()
        assert answer.status == 404
        assert "/socket.io/" in answer.text


async def test_a_websocket_at_another_path_is_refused(server: Endpoint) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await server.http.ws_connect(server.at("/other").url)
    assert caught.value.status in (403, 404)


@ONE_WAY
async def test_without_the_trailing_slash_the_bare_path_answers(serve: Serve) -> None:
    server = serve(Server(add_trailing_slash=False))
    for path in ("/socket.io", "/socket.io/"):
        assert (await server.at(path).request()).status == 200
        async with server.at(path).websocket() as websocket:
            assert (await receive(websocket)).startswith("0")


@ONE_WAY
@pytest.mark.parametrize("path", ["/deep/er", "deep/er", "/deep/er/"])
async def test_the_path_may_be_chosen(serve: Serve, path: str) -> None:
    server = serve(Server(path=path))
    assert (await server.at("/deep/er/").request()).status == 200
    async with server.at("/deep/er/").websocket() as websocket:
        assert (await receive(websocket)).startswith("0")
    assert (await server.request()).status == 404


# What the handshake says


@ONE_WAY
async def test_the_handshake_gives_milliseconds_and_bytes(serve: Serve) -> None:
    server = serve(Server(ping_interval=1.5, ping_timeout=2, max_http_buffer_size=12_345))
    peer = await server.open_polling()
    del peer.handshake["sid"]
    assert peer.handshake == {
        "upgrades": ["websocket"],
        "pingInterval": 1500,
        "pingTimeout": 2000,
        "maxPayload": 12_345,
    }


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_the_size_of_a_message_is_limited_as_told(serve: Serve) -> None:
    server = serve(Server(max_http_buffer_size=100))
    polling = await server.open_polling()
    assert (await polling.post("4" * 101)).status == 413
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_text("4" * 101)
        assert await peer.close_code() == 1009


@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_attachments_are_limited(serve: Serve) -> None:
    lengths: list[int] = []
    io = Server(max_attachments=2)

    @io.event("files")
    def files(socket: Socket, *files: bytes) -> None:
        lengths.append(len(files))

    server = serve(io)
    async with server.socket() as peer:
        places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(3))
        await peer.send('52-["files",' + places[: places.rindex(",{")] + "]", b"a", b"b")
        await peer.send(f'53-["files",{places}]')
        await peer.close_code()
    assert lengths == [2]


# Compression of poll responses


async def poll_for(server: Endpoint, size: int, accept: str) -> Answer:
    """Have the server send ``size`` bytes of text with a poll; return the answer as it came."""
    peer = await server.open_polling()
    await peer.send("40")
    await peer.receive()
    await peer.send(f'42["size",{size}]')
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        return await Endpoint(http, server.url).request(headers={"accept-encoding": accept}, sid=peer.sid)


def add_size(io: Server) -> None:
    @io.event("size")
    def size(socket: Socket, size: int) -> None:
        socket.emit("text", "x" * size)


async def test_large_polls_are_compressed_as_the_client_likes(server: Endpoint, io: Server) -> None:
    add_size(io)
    expected = b'42["text","' + b"x" * 2000 + b'"]'
    answer = await poll_for(server, 2000, "gzip, deflate, br")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == expected
    answer = await poll_for(server, 2000, "gzip;q=0.5, deflate")
    assert answer.headers["content-encoding"] == "deflate"
    assert zlib.decompress(answer.body) == expected
    answer = await poll_for(server, 2000, "*")
    assert gzip.decompress(answer.body) == expected


@pytest.mark.parametrize("accept", ["identity", "br", "gzip;q=0", ""])
async def test_a_client_that_accepts_no_compression_gets_none(server: Endpoint, io: Server, accept: str) -> None:
    add_size(io)
    answer = await poll_for(server, 2000, accept)
    assert "content-encoding" not in answer.headers
    assert answer.body == b'42["text","' + b"x" * 2000 + b'"]'


async def test_small_polls_are_not_compressed(server: Endpoint, io: Server) -> None:
    add_size(io)
    answer = await poll_for(server, 500, "gzip")
    assert "content-encoding" not in answer.headers
    assert answer.body == b'42["text","' + b"x" * 500 + b'"]'


@ONE_WAY
@pytest.mark.parametrize(
    ("option", "compressed"), [(False, False), (HTTPCompression(threshold=3000), False), (HTTPCompression(), True)]
)
async def test_compression_is_an_option(serve: Serve, option: bool | HTTPCompression, compressed: bool) -> None:
    io = Server(http_compression=option)
    add_size(io)
    answer = await poll_for(serve(io), 2000, "gzip")
    assert ("content-encoding" in answer.headers) is compressed


# Wrong options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pingInterval": 1}, "did you mean ping_interval"),
        ({"nonsense_xyz": 1}, "known are"),
        ({"ping_timeout": 0}, "ping_timeout must be a number of seconds above 0"),
        ({"ping_interval": 25000}, "ping_interval is in seconds"),
        ({"max_http_buffer_size": 0}, "max_http_buffer_size must be a whole number of at least 1"),
        ({"transports": "polling"}, "transports must be a list"),
        ({"transports": ["polling", "webtransport"]}, "transports must be a list"),
        ({"transports": []}, "transports must be a list"),
        ({"cors": "example.com"}, "an origin is a scheme, a host"),
        ({"cors": "https://example.com/"}, "an origin is a scheme, a host"),
        ({"cookie": 1}, "cookie must be"),
        ({"path": 1}, "path must be a path such as"),
        ({"allow_request": "yes"}, "allow_request must be a function"),
        ({"per_message_deflate": 1024}, "PerMessageDeflate"),
        ({"max_attachments": -1}, "max_attachments must be"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_to_give(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Server(**options)
