"""HTTP long-polling: requests, responses, and when a session ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import orjson
import pytest

from antiphon import Server, Socket
from peers import Endpoint, Polling, eventually
from server_helpers import Serve


async def join(server: Endpoint, **query: object) -> Polling:
    """Open a polling session and join the main namespace."""
    peer = await server.open_polling(**query)
    await peer.send("40")
    (answer,) = await peer.receive()
    assert answer.startswith('40{"sid":')
    return peer


def has_poll(io: Server, peer: Polling) -> bool:
    return io.engine.sockets[peer.sid].transport.writable


def record_disconnects(io: Server) -> list[tuple[str, str | None]]:
    """Collect why sockets were disconnected."""
    reasons: list[tuple[str, str | None]] = []

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str, description: str | None) -> None:
        reasons.append((reason, description))

    return reasons


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body without a known length."""
    for piece in pieces:
        yield piece


class SlowBody:
    """A body that does not end before it is let go."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        yield self._first
        self.started.set()
        await self.go_on.wait()
        yield b"!"


# Responses


async def test_a_poll_is_plain_text_that_nobody_stores(server: Endpoint) -> None:
    peer = await server.open_polling()
    await peer.send("40")
    for answer in (peer.opening, await peer.poll()):
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert "x-xss-protection" not in answer.headers


async def test_a_post_is_answered_with_ok_as_html(server: Endpoint) -> None:
    peer = await server.open_polling()
    answer = await peer.post("40")
    assert (answer.status, answer.text) == (200, "ok")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("agent", ["Mozilla/4.0 (compatible;MSIE 8.0)", "Mozilla/5.0 (Trident/7.0; rv:11.0)"])
async def test_old_internet_explorers_are_told_not_to_filter(server: Endpoint, agent: str) -> None:
    peer = await server.open_polling(headers={"user-agent": agent})
    assert peer.opening.headers["x-xss-protection"] == "0"
    answer = await peer.post("40", headers={"user-agent": agent})
    assert answer.headers["x-xss-protection"] == "0"


async def test_what_is_emitted_in_one_turn_arrives_in_one_response(server: Endpoint, io: Server) -> None:
    @io.event("go")
    def go(socket: Socket) -> None:
        for number in range(3):
            socket.emit("n", number)

    peer = await join(server)
    poll = asyncio.create_task(peer.receive())
    await eventually(lambda: has_poll(io, peer))
    await peer.send('42["go"]')
    assert await poll == ['42["n",0]', '42["n",1]', '42["n",2]']


# Refused requests


@pytest.mark.parametrize("transport", [None, "", "carrier pigeon", "webtransport"])
async def test_code_0_is_an_unknown_transport(server: Endpoint, transport: str | None) -> None:
    check_refusal(await server.request(transport=transport), 0, "Transport unknown")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_code_1_is_an_unknown_session(server: Endpoint, method: str) -> None:
    check_refusal(await server.request(method, sid="nobody"), 1, "Session ID unknown")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_code_2_is_a_session_opened_by_something_but_get(server: Endpoint, method: str) -> None:
    check_refusal(await server.request(method), 2, "Bad handshake method")


async def test_code_3_is_the_websocket_transport_without_a_websocket(server: Endpoint) -> None:
    check_refusal(await server.request(transport="websocket"), 3, "Bad request")


async def test_code_3_is_a_poll_for_a_session_that_has_a_websocket(server: Endpoint) -> None:
    async with server.websocket() as peer:
        sid = orjson.loads((await peer.recv())[1:])["sid"]
        check_refusal(await server.request(sid=sid), 3, "Bad request")


@pytest.mark.parametrize("eio", [None, "3", "5", "x"])
async def test_code_5_is_another_revision(server: Endpoint, eio: str | None) -> None:
    check_refusal(await server.request(EIO=eio), 5, "Unsupported protocol version")


def check_refusal(answer: object, code: int, message: str) -> None:
    assert answer.status == 400
    assert answer.text == f'{{"code":{code},"message":"{message}"}}'
    assert answer.headers["content-type"] == "application/json"
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_of_a_session_are_a_bare_500_and_do_no_harm(server: Endpoint, method: str) -> None:
    peer = await join(server)
    answer = await server.request(method, sid=peer.sid)
    assert (answer.status, answer.body) == (500, b"")
    await peer.send("40/unknown,")
    assert await peer.receive() == ['44/unknown,{"message":"Invalid namespace"}']


# Overlaps and aborts


async def test_a_second_poll_at_the_same_time_ends_the_session(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    peer = await join(server)
    first = asyncio.create_task(peer.receive())
    await eventually(lambda: has_poll(io, peer))
    second = await peer.poll()
    assert (second.status, second.body) == (400, b"")
    assert await first == ["1"]
    assert await peer.is_gone()
    assert reasons == [("transport error", "overlap from client")]


async def test_a_second_post_at_the_same_time_ends_the_session(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    peer = await join(server)
    poll = asyncio.create_task(peer.receive())
    await eventually(lambda: has_poll(io, peer))
    body = SlowBody(b'42["half')
    slow = asyncio.create_task(peer.post(body()))
    await eventually(lambda: io.engine.sockets[peer.sid].transport._reader is not None)
    second = await peer.post("3")
    assert (second.status, second.body) == (400, b"")
    assert await poll == ["1"]
    assert reasons == [("transport error", "data request overlap from client")]
    body.go_on.set()
    with contextlib.suppress(OSError):
        assert (await slow).status == 400
    assert await peer.is_gone()


async def test_an_aborted_poll_ends_the_session_at_once(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    peer = await join(server)
    poll = asyncio.create_task(peer.poll())
    await eventually(lambda: has_poll(io, peer))
    poll.cancel()
    await eventually(lambda: reasons)
    assert reasons == [("transport error", "poll connection closed prematurely")]
    assert await peer.is_gone()


async def test_an_aborted_post_ends_the_session_at_once(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    peer = await join(server)
    post = asyncio.create_task(peer.post(SlowBody(b"4")()))
    await eventually(lambda: io.engine.sockets[peer.sid].transport._reader is not None)
    post.cancel()
    await eventually(lambda: reasons)
    assert reasons == [("transport error", "data request connection closed prematurely")]
    assert await peer.is_gone()


# Bodies


async def test_binary_bodies_are_for_revision_3(server: Endpoint, io: Server) -> None:
    reasons = record_disconnects(io)
    peer = await join(server)
    answer = await peer.post(b"4x", headers={"content-type": "application/octet-stream"})
    assert answer.status == 400
    assert reasons == [("transport error", "invalid content")]
    assert await peer.is_gone()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_exactly_the_limit_is_taken(server: Endpoint, io: Server, chunked: bool) -> None:
    lengths: list[int] = []

    @io.event("text")
    def text(socket: Socket, text: str) -> None:
        lengths.append(len(text))

    peer = await join(server)
    body = b'42["text","%s"]' % (b"x" * (1_000_000 - 13))
    assert len(body) == 1_000_000
    answer = await peer.post(in_pieces(body[:10], body[10:]) if chunked else body)
    assert answer.status == 200
    assert lengths == [1_000_000 - 13]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_larger_body_is_413_and_the_session_goes_on(server: Endpoint, chunked: bool) -> None:
    peer = await join(server)
    body = b"4" * 1_000_001
    # Not every server can use a connection again on which it has not read a request to its end.
    answer = await peer.post(in_pieces(body) if chunked else body, headers={"connection": "close"})
    assert answer.status == 413
    await peer.send("40/unknown,")
    assert await peer.receive() == ['44/unknown,{"message":"Invalid namespace"}']


async def test_a_body_without_a_length_is_read_to_its_end(server: Endpoint) -> None:
    peer = await join(server)
    answer = await peer.post(in_pieces(b"40/u", b"nknown", b","))
    assert (answer.status, answer.text) == (200, "ok")
    assert await peer.receive() == ['44/unknown,{"message":"Invalid namespace"}']


async def test_five_hundred_packets_of_one_body_are_delivered_in_order(server: Endpoint, io: Server) -> None:
    numbers: list[int] = []

    @io.event("n")
    async def n(socket: Socket, number: int) -> None:
        numbers.append(number)

    peer = await join(server)
    await peer.send(*(f'42["n",{number}]' for number in range(500)))
    await eventually(lambda: len(numbers) >= 500)
    assert numbers == list(range(500))


@pytest.mark.parametrize("body", ["", "x", "9", "4a\x1e"])
async def test_a_body_that_is_no_payload_ends_the_session(server: Endpoint, io: Server, body: str) -> None:
    peer = await server.open_polling()
    assert (await peer.post(body)).status == 400
    assert await peer.is_gone()


async def test_what_is_not_utf_8_in_a_body_is_replaced(server: Endpoint, io: Server) -> None:
    texts: list[str] = []

    @io.event("text")
    def text(socket: Socket, text: str) -> None:
        texts.append(text)

    peer = await join(server)
    assert (await peer.post(b'42["text","a\xffb"]')).status == 200
    assert texts == ["a\ufffdb"]


async def test_binary_travels_as_base64(server: Endpoint, io: Server) -> None:
    @io.event("echo")
    def echo(socket: Socket, data: bytes) -> None:
        socket.emit("echo", data)

    peer = await join(server)
    packets = ['451-["echo",{"_placeholder":true,"num":0}]', "bAAEC/w=="]
    await peer.send(*packets)
    assert await peer.receive() == packets


# The end


async def test_without_a_pending_poll_the_next_one_brings_the_end(server: Endpoint, io: Server) -> None:
    @io.event("leave")
    def leave(socket: Socket) -> None:
        socket.disconnect(True)

    peer = await join(server)
    await peer.send('42["leave"]')
    # In one payload with messages the official client handles the close packet first.
    assert await peer.receive() == ["41"]
    assert await peer.receive() == ["1"]
    assert await peer.is_gone()


async def test_the_end_comes_after_what_was_said_before(server: Endpoint, io: Server) -> None:
    @io.event("leave")
    def leave(socket: Socket) -> None:
        socket.disconnect(True)

    peer = await join(server)
    poll = asyncio.create_task(peer.receive())
    await eventually(lambda: has_poll(io, peer))
    await peer.send('42["leave"]')
    assert await poll == ["41"]
    assert await peer.receive() == ["1"]
    assert await peer.is_gone()


async def test_a_pending_poll_of_a_session_with_nothing_more_to_say_brings_the_end(
    server: Endpoint, io: Server
) -> None:
    peer = await join(server)
    poll = asyncio.create_task(peer.receive())
    await eventually(lambda: has_poll(io, peer))
    await peer.send("4this is no packet")
    assert await poll == ["1"]
    assert await peer.is_gone()


# JSONP


async def test_jsonp_is_refused_unless_every_page_may_connect(server: Endpoint) -> None:
    answer = await server.request(j="0")
    assert answer.status == 403
    assert 'cors=\\"*\\"' in answer.text


async def test_jsonp_responses_are_calls(serve: Serve) -> None:
    server = serve(Server(cors="*"))
    answer = await server.request(j="7'<x>8")
    assert answer.text.startswith('___eio[78]("0{')
    assert answer.text.endswith('}");')
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


async def test_jsonp_escapes_what_ends_a_line_of_javascript(serve: Serve) -> None:
    io = Server(cors="*")
    server = serve(io)

    @io.event("separators")
    def separators(socket: Socket) -> None:
        socket.emit("separators", "\u2028\u2029")

    sid = await open_jsonp(server)
    assert (await post_jsonp(server, sid, "40\x1e" + '42["separators"]')).text == "ok"
    answer = await server.request(sid=sid, j="0")
    assert answer.body.isascii()
    assert r"\u2028\u2029" in answer.text
    assert orjson.loads(answer.text[len("___eio[0](") : -2]).endswith('42["separators","\u2028\u2029"]')


async def test_jsonp_posts_are_forms_with_escaped_newlines(serve: Serve) -> None:
    io = Server(cors="*")
    server = serve(io)
    texts: list[str] = []

    @io.event("text")
    def text(socket: Socket, text: str) -> None:
        texts.append(text)

    sid = await open_jsonp(server)
    # The form turns newlines into \n, and what already looks like one into \\n.
    assert (await post_jsonp(server, sid, '40\x1e42["text","a\\\\nb"]')).text == "ok"
    assert texts == ["a\nb"]


async def open_jsonp(server: Endpoint) -> str:
    answer = await server.request(j="0")
    return str(orjson.loads(orjson.loads(answer.text[len("___eio[0](") : -2])[1:])["sid"])


async def post_jsonp(server: Endpoint, sid: str, payload: str) -> object:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await server.request("POST", data=urlencode({"d": payload}), headers=headers, sid=sid, j="0")
