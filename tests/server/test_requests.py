"""HTTP requests on the fast path: how large a head may be, many at once, and connections that are kept for nothing."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from antiphon import Server
from antiphon.types import Receive, Scope, Send
from antiphon.uvicorn import _discovery
from antiphon.uvicorn._http import MAX_HEAD_SIZE, HTTPProtocol
from peers import Endpoint, Polling, RawPeer, eventually, raw_connection
from server_helpers import Serve

pytestmark = pytest.mark.parametrize("way", ["fast"])

OPEN = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: a\r\n"
REFUSED = b"GET /socket.io/?EIO=4&transport=x HTTP/1.1\r\nhost: a\r\n\r\n"
ELSEWHERE = b"GET /elsewhere HTTP/1.1\r\nhost: a\r\n"
CHUNKED = b"POST /elsewhere HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"

TOO_MUCH = MAX_HEAD_SIZE + 500
"""So little too much that it has been read when it is refused: else the kernel may throw the answer away."""


async def echo_headers(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the names of the headers, once the body has come as a whole."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def answer_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without waiting for the body."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def read_answer(peer: RawPeer) -> tuple[int, bytes]:
    status, headers = await peer.read_head()
    return status, await peer.read_exactly(int(headers["content-length"]))


async def is_refused(peer: RawPeer) -> bool:
    status, body = await read_answer(peer)
    assert body == b"The head of a request has at most 65536 bytes"
    return status == 431 and await peer.read_rest() == b""


async def pending_poll(server: Endpoint, io: Server, peer: RawPeer) -> Polling:
    """Join over HTTP, and poll on a connection of its own."""
    polling = await server.open_polling()
    await polling.send("40")
    await polling.receive()
    await peer.send(f"GET /socket.io/?EIO=4&transport=polling&sid={polling.sid} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    await eventually(lambda: io.engine.sockets[polling.sid].transport.writable)
    return polling


# The size of a head

LARGE_HEADS = {
    "a URL": b"GET /" + b"a" * TOO_MUCH,
    "a name": OPEN + b"a" * TOO_MUCH,
    "a value": OPEN + b"a: " + b"a" * TOO_MUCH,
    "many headers": OPEN + b"cookie: 0123456789\r\n" * (TOO_MUCH // 20),
    "a head that ends": OPEN + b"a: " + b"a" * TOO_MUCH + b"\r\n\r\n",
    "a handshake": OPEN.replace(b"polling", b"websocket")
    + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    + b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\na: %s\r\n\r\n" % (b"a" * TOO_MUCH),
    "for ASGI": ELSEWHERE + b"a: " + b"a" * TOO_MUCH + b"\r\n\r\n",
    "nothing but line breaks": b"\r\n" * (TOO_MUCH // 2),
}


@pytest.mark.parametrize("step", [TOO_MUCH * 2, 1000], ids=["at once", "bit by bit"])
@pytest.mark.parametrize("head", LARGE_HEADS.values(), ids=LARGE_HEADS.keys())
async def test_a_head_that_is_too_large_is_answered_431(serve: Serve, head: bytes, step: int) -> None:
    io = Server()
    server = serve(io)
    async with raw_connection(server) as peer:
        for start in range(0, len(head), step):
            await peer.send(head[start : start + step])
            await asyncio.sleep(0)
        assert await is_refused(peer)
    assert not io.engine.sockets
    assert (await server.request()).status == 200


async def test_a_large_head_that_begins_behind_another_request_is_refused(serve: Serve) -> None:
    server = serve(Server())
    async with raw_connection(server) as peer:
        await peer.send(REFUSED + OPEN + b"a: " + b"a" * 50_000)
        assert (await read_answer(peer))[0] == 400
        await peer.send(b"a" * 16_000 + b"\r\n\r\n")
        assert await is_refused(peer)


async def test_a_large_head_behind_a_pending_poll_closes_the_connection(serve: Serve) -> None:
    """A refusal would be taken for the answer to the poll."""
    io = Server()
    server = serve(io)
    async with raw_connection(server) as peer:
        polling = await pending_poll(server, io, peer)
        await peer.send(OPEN + b"a: " + b"a" * TOO_MUCH)
        assert await peer.read_rest() == b""
        await eventually(lambda: polling.sid not in io.engine.sockets)


async def test_a_head_just_below_the_limit_is_served_however_it_comes(serve: Serve) -> None:
    server = serve(Server())
    head = OPEN + b"a: "
    head += b"a" * (MAX_HEAD_SIZE - len(head) - 4) + b"\r\n\r\n"
    async with raw_connection(server) as peer:
        for step in (len(head), 1000, 40_000):
            for start in range(0, len(head), step):
                await peer.send(head[start : start + step])
                await asyncio.sleep(0)
            assert (await read_answer(peer))[0] == 200


async def test_a_body_does_not_count_for_the_head_in_front_of_it_or_behind_it(serve: Serve) -> None:
    server = serve(Server(app=echo_headers))
    async with raw_connection(server) as peer:
        head = ELSEWHERE + b"content-length: 200000\r\na: " + b"a" * 30_000 + b"\r\n\r\n"
        for start in range(0, len(head), 10_000):
            await peer.send(head[start : start + 10_000])
        await peer.send(b"b" * 200_000 + OPEN)
        assert (await read_answer(peer))[0] == 200
        for number in range(30):
            await peer.send(b"a%d: %s\r\n" % (number, b"a" * 2_000))
        await peer.send(b"\r\n")
        assert (await read_answer(peer))[0] == 200


async def test_a_body_in_many_chunks_may_be_large(serve: Serve) -> None:
    server = serve(Server(app=echo_headers))
    async with raw_connection(server) as peer:
        await peer.send(CHUNKED)
        for _ in range(200):
            await peer.send(b"3e8\r\n%s\r\n" % (b"b" * 1000))
        await peer.send(b"0\r\n\r\n")
        assert await read_answer(peer) == (200, b"host transfer-encoding")


@pytest.mark.parametrize(
    "begun", [b"5\r\nhello\r\n0\r\na: ", b"5\r\nhello\r\n0\r\n", b"5;a="], ids=["a trailer", "trailers", "an extension"]
)
async def test_what_stands_around_chunks_is_limited_too(serve: Serve, begun: bytes) -> None:
    server = serve(Server(app=echo_headers))
    async with raw_connection(server) as peer:
        await peer.send(CHUNKED + begun)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                await peer.send(b"a: 789\r\n" * 125 if begun.endswith(b"\n") else b"a" * 1000)
        await peer.read_rest()


async def test_trailers_do_not_become_headers(serve: Serve) -> None:
    """What was checked when the head had come is not changed behind it."""
    server = serve(Server(app=echo_headers))
    async with raw_connection(server) as peer:
        await peer.send(CHUNKED + b"5\r\nhello\r\n0\r\nx-admin: yes\r\n\r\n")
        assert await read_answer(peer) == (200, b"host transfer-encoding")


async def test_only_short_paths_are_remembered(serve: Serve) -> None:
    server = serve(Server())
    for number in range(20):
        long = "a" * 10_000
        assert (await server.at(f"/{number}{long}").request()).status == 404
        assert (await server.at(f"/socket.io/{number}{long}").request()).status == 200
    remembered = [path for found in _discovery._found.values() for path in found]
    assert max(map(len, remembered), default=0) < 1000
    assert (await server.request()).status == 200


# Many at once


async def test_many_requests_behind_a_pending_poll_are_answered(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    async with raw_connection(server) as peer:
        await pending_poll(server, io, peer)
        await peer.send(REFUSED * 5000)
        io.emit("x")
        assert await read_answer(peer) == (200, b'42["x"]')
        for _ in range(5000):
            assert (await read_answer(peer))[0] == 400
        await peer.send(REFUSED)
        assert (await read_answer(peer))[0] == 400


# Connections that are kept for nothing


@pytest.mark.parametrize("request_", [REFUSED, ELSEWHERE + b"\r\n"], ids=["polling", "ASGI"])
@pytest.mark.parametrize("count", [0, 1, 100])
async def test_line_breaks_do_not_keep_a_connection(serve: Serve, request_: bytes, count: int) -> None:
    server = serve(Server(), http=HTTPProtocol, timeout_keep_alive=1)
    async with raw_connection(server) as peer:
        await peer.send(request_)
        await read_answer(peer)
        closed = asyncio.create_task(peer.read_rest())
        with contextlib.suppress(ConnectionError):
            for _ in range(count):
                await peer.send(b"\r\n")
                if closed.done():
                    break
                await asyncio.sleep(0.05)
        assert await closed == b""


async def test_half_a_head_is_waited_for_longer_than_a_request(serve: Serve) -> None:
    io = Server()
    server = serve(io, http=HTTPProtocol, timeout_keep_alive=1)
    async with raw_connection(server) as peer, raw_connection(server) as idle:
        await pending_poll(server, io, peer)
        await peer.send(OPEN)
        io.emit("x")
        assert (await read_answer(peer))[0] == 200
        await idle.send(REFUSED)
        await read_answer(idle)
        # Who has asked for nothing is not waited for any longer.
        assert await idle.read_rest() == b""
        await peer.send(b"\r\n")
        assert (await read_answer(peer))[0] == 200


async def test_a_body_may_come_after_the_response_to_it(serve: Serve) -> None:
    server = serve(Server(app=answer_at_once), http=HTTPProtocol, timeout_keep_alive=1)
    async with raw_connection(server) as peer:
        await peer.send(ELSEWHERE + b"content-length: 6\r\n\r\n")
        assert (await read_answer(peer))[0] == 200
        for byte in b"slowly":
            await asyncio.sleep(0.3)
            await peer.send(bytes((byte,)))
        await peer.send(REFUSED)
        assert (await read_answer(peer))[0] == 400
        await peer.send(ELSEWHERE + b"content-length: 6\r\n\r\nsl")
        assert (await read_answer(peer))[0] == 200
        assert await peer.read_rest() == b""
