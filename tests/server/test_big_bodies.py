"""Bodies with very many packets: they are taken in slices, and nobody else waits for the whole of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
import pytest
import pytest_asyncio

from antiphon import Server, Socket
from antiphon.engineio.packet import Packet
from antiphon.server.polling import _SLICE
from antiphon.server.request import Request, Response

COUNT = 5 * _SLICE
EVENTS = "\x1e".join(f'42["n",{number}]' for number in range(COUNT)).encode()


class Client:
    """A client that polls, of a server without a network."""

    def __init__(self, io: Server) -> None:
        self._io = io
        self._query = "EIO=4&transport=polling"
        self.sid = ""

    async def join(self) -> Client:
        body = (await self._request("GET")).body
        self.sid = str(orjson.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["sid"])
        assert (await self.post(b"40")).status == 200
        assert (await self._request("GET")).body.startswith(b"40{")
        return self

    async def post(self, body: bytes) -> Response:
        return await self._request("POST", body)

    async def _request(self, method: str, body: bytes = b"") -> Response:
        pieces = [body, b""]

        async def read() -> bytes:
            return pieces.pop(0)

        query = f"{self._query}&sid={self.sid}" if self.sid else self._query
        request = Request(
            method=method,
            path="/socket.io/",
            query_string=query.encode(),
            raw_headers=[],
            client=None,
            secure=False,
            upgrade=False,
        )
        return await self._io.engine.handle_request(request, read)


@pytest_asyncio.fixture
async def io() -> AsyncIterator[Server]:
    """A server in this loop; turns can be counted here."""
    io = Server()
    yield io
    await io.close()


@pytest.fixture
def numbers(io: Server) -> list[int]:
    numbers: list[int] = []

    @io.event("n")
    def n(socket: Socket, number: int) -> None:
        numbers.append(number)

    return numbers


async def turns(done: Callable[[], bool]) -> int:
    """Count the turns of the loop until something is so."""
    count = 0
    while not done():
        count += 1
        await asyncio.sleep(0)
    return count


async def test_a_big_body_leaves_others_their_turn_and_is_answered_when_all_is_taken(
    io: Server, numbers: list[int]
) -> None:
    client = await Client(io).join()
    post = asyncio.create_task(client.post(EVENTS))
    seen: list[int] = []
    while not post.done():
        if len(numbers) not in seen:
            seen.append(len(numbers))
        await asyncio.sleep(0)
    assert seen[:5] == [0, *range(_SLICE, COUNT, _SLICE)]
    assert post.result().status == 200
    assert numbers == list(range(COUNT))


@pytest.mark.parametrize("packet", ["6", "3", "42/x", "b", "4"])
async def test_packets_without_meaning_come_in_slices_too(io: Server, packet: str) -> None:
    client = await Client(io).join()
    post = asyncio.create_task(client.post("\x1e".join([packet] * COUNT).encode()))
    assert await turns(post.done) >= COUNT // _SLICE


async def test_a_body_may_not_overtake_another(io: Server, numbers: list[int]) -> None:
    client = await Client(io).join()
    post = asyncio.create_task(client.post(EVENTS))
    await turns(lambda: bool(numbers))
    assert (await client.post(b'42["n",-1]')).status == 400
    assert (await post).status == 400
    assert numbers == list(range(_SLICE))
    assert not io.engine.sockets


async def test_the_end_of_a_session_stops_its_body(io: Server, numbers: list[int]) -> None:
    client = await Client(io).join()
    post = asyncio.create_task(client.post(EVENTS))
    await turns(lambda: bool(numbers))
    io.engine.sockets[client.sid].close(discard=True)
    assert (await post).status == 400
    assert numbers == list(range(_SLICE))


async def test_a_handler_may_end_the_session_within_a_slice(io: Server, numbers: list[int]) -> None:
    @io.event("end")
    def end(socket: Socket) -> None:
        socket.conn.close(discard=True)

    client = await Client(io).join()
    assert (await client.post(b'42["n",0]\x1e42["end"]\x1e' + EVENTS)).status == 200
    assert numbers == [0]


async def test_a_body_that_is_given_up_ends_the_session(io: Server, numbers: list[int]) -> None:
    client = await Client(io).join()
    post = asyncio.create_task(client.post(EVENTS))
    await turns(lambda: bool(numbers))
    post.cancel()
    with pytest.raises(asyncio.CancelledError):
        await post
    assert numbers == list(range(_SLICE))
    assert not io.engine.sockets


async def test_of_what_follows_an_orderly_end_only_a_close_packet_matters(io: Server, numbers: list[int]) -> None:
    @io.event("leave")
    def leave(socket: Socket) -> None:
        socket.disconnect(True)

    packets: list[Packet] = []
    client = await Client(io).join()
    io.engine.sockets[client.sid].on("packet", packets.append)
    assert (await client.post(b'42["leave"]\x1e6\x1e' + EVENTS)).status == 200
    assert io.engine.sockets[client.sid].ready_state == "closing"
    assert (await client.post(b"6\x1e1\x1e6")).status == 200
    assert not io.engine.sockets
    assert [packet.data for packet in packets] == [b'2["leave"]']
    assert numbers == []


async def test_a_broken_packet_behind_many_ends_the_session(io: Server, numbers: list[int]) -> None:
    client = await Client(io).join()
    assert (await client.post(EVENTS + b"\x1ex\x1e" + EVENTS)).status == 400
    assert numbers == list(range(COUNT))
    assert not io.engine.sockets
