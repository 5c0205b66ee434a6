"""Raw peers: they send what a test says, byte for byte, and know as little of the protocols as they can."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support import Running

PATIENCE = 10.0
"""Seconds after which a test that waits for something fails."""


class Answer(NamedTuple):
    """What an HTTP request was answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds. The test fails if it does not in the end."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition belongs to another thread
            await asyncio.sleep(0.002)


@dataclass
class Endpoint:
    """Where a server is reached, by both transports.

    Attributes:
        http: sends the requests.
        url: of the server, with the path.
        eio: the revision of Engine.IO that the peers ask for; None to ask for none.
        ca: what to trust, over TLS.
        running: the server, if the test may look into it.
    """

    http: aiohttp.ClientSession
    url: str
    eio: int | None = 4
    ca: ssl.SSLContext | None = None
    running: Running | None = None

    def at(self, path: str) -> Endpoint:
        """Return the same server, asked at another path."""
        parts = urlsplit(self.url)
        return Endpoint(self.http, f"{parts.scheme}://{parts.netloc}{path}", self.eio, self.ca, self.running)

    def _full_url(self, query: Mapping[str, object]) -> str:
        asked = {"EIO": self.eio, **query}
        text = urlencode({key: value for key, value in asked.items() if value is not None})
        return f"{self.url}?{text}" if text else self.url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    # HTTP

    async def request(
        self, method: str = "GET", *, data: Any = None, headers: Mapping[str, str] | None = None, **query: object
    ) -> Answer:
        """Send a request for the polling transport, unless the query says otherwise."""
        url = self._full_url({"transport": "polling", **query})
        async with (
            asyncio.timeout(PATIENCE),
            self.http.request(method, url, data=data, headers=headers, ssl=self.ca or True) as response,
        ):
            return Answer(response.status, await response.read(), response.headers)

    async def open_polling(self, headers: Mapping[str, str] | None = None, **query: object) -> Polling:
        """Open a session over HTTP."""
        answer = await self.request(headers=headers, **query)
        assert answer.status == 200, answer.text
        return Polling(self, answer, query)

    # WebSocket

    @contextlib.asynccontextmanager
    async def websocket(
        self, headers: Mapping[str, str] | None = None, *, options: Mapping[str, Any] | None = None, **query: object
    ) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket; with ``sid`` it probes, else it opens a session."""
        url = self._full_url({"transport": "websocket", **query}).replace("http", "ws", 1)
        arguments: dict[str, Any] = {"compression": None, "max_size": None, **(options or {})}
        if self.ca is not None:
            arguments["ssl"] = self.ca
        async with connect(
            url, additional_headers=headers, proxy=None, ping_interval=None, close_timeout=2, **arguments
        ) as peer:
            yield peer

    @contextlib.asynccontextmanager
    async def socket(
        self, auth: str = "", nsp: str = "", headers: Mapping[str, str] | None = None, **query: object
    ) -> AsyncIterator[SocketPeer]:
        """Open a WebSocket session and join a namespace."""
        async with self.websocket(headers, **query) as websocket:
            assert (await receive(websocket)).startswith("0")
            peer = SocketPeer(websocket)
            peer.sid = await peer.join(nsp, auth)
            yield peer


@dataclass
class Polling:
    """A client that polls.

    Attributes:
        opening: the answer to the handshake.
        packets: what stood in it.
        handshake: the content of the open packet.
        sid: the session.
    """

    endpoint: Endpoint
    opening: Answer
    query: Mapping[str, object]
    packets: list[str] = field(init=False)
    handshake: dict[str, Any] = field(init=False)
    sid: str = field(init=False)

    def __post_init__(self) -> None:
        text = self.opening.text
        self.packets = text.split("\x1e") if self.endpoint.eio == 4 else list(split_lengths(text))
        self.handshake = orjson.loads(self.packets[0][1:])
        self.sid = self.handshake["sid"]

    async def poll(self, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask once for what the server has to say."""
        return await self.endpoint.request(headers=headers, **{**self.query, "sid": self.sid})

    async def post(self, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a body."""
        return await self.endpoint.request(
            "POST",
            data=body,
            headers={"content-type": "text/plain", **(headers or {})},
            **{**self.query, "sid": self.sid},
        )

    async def send(self, *packets: str) -> None:
        """Send packets; the server must take them."""
        answer = await self.post("\x1e".join(packets))
        assert (answer.status, answer.text) == (200, "ok")

    async def receive(self) -> list[str]:
        """Poll for packets; the server must have some."""
        answer = await self.poll()
        assert answer.status == 200, answer.text
        return answer.text.split("\x1e")

    async def receive_until(self, last: str) -> list[str]:
        """Poll until a packet has come; return it and all before it."""
        packets: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while last not in packets:
                packets += await self.receive()
        return packets

    async def is_gone(self) -> bool:
        """Say whether the server has forgotten the session."""
        answer = await self.poll()
        return answer.status == 400 and answer.json == {"code": 1, "message": "Session ID unknown"}


def split_lengths(payload: str) -> Iterator[str]:
    """Split a payload of revision 3, in which each packet has its length in front."""
    while payload:
        length, _, rest = payload.partition(":")
        yield rest[: int(length)]
        payload = rest[int(length) :]


async def receive(websocket: ClientConnection) -> Any:
    """Receive a message."""
    async with asyncio.timeout(PATIENCE):
        return await websocket.recv()


async def receive_packet(websocket: ClientConnection) -> Any:
    """Receive a message that is no heartbeat; those are answered."""
    while (message := await receive(websocket)) == "2":
        await websocket.send("3")
    return message


async def close_code(websocket: ClientConnection) -> int | None:
    """Wait until the server has closed; return the close code: 1005 for none, 1006 for no close frame at all."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await websocket.recv()
        await websocket.wait_closed()
    return websocket.close_code


@dataclass
class SocketPeer:
    """A Socket.IO client on a WebSocket.

    Attributes:
        websocket: what it speaks on.
        sid: the id of its socket in the namespace that it joined first.
    """

    websocket: ClientConnection
    sid: str = ""

    async def join(self, nsp: str = "", auth: str = "") -> str:
        """Join a namespace; return the id of the socket in it."""
        lead = f"0{nsp}," if nsp else "0"
        await self.send(lead + auth)
        answer = await self.receive()
        assert answer.startswith(lead), answer
        return str(orjson.loads(answer.removeprefix(lead))["sid"])

    async def send(self, *packets: str | bytes) -> None:
        """Send Socket.IO packets: text, and binary attachments."""
        for packet in packets:
            await self.websocket.send("4" + packet if isinstance(packet, str) else packet)

    async def receive(self) -> Any:
        """Receive a Socket.IO packet, or a binary attachment."""
        message = await receive_packet(self.websocket)
        if isinstance(message, bytes):
            return message
        assert message.startswith("4"), message
        return message[1:]

    async def receive_event(self) -> list[Any]:
        """Receive an event of the main namespace: its name and its arguments."""
        packet = await self.receive()
        assert packet.startswith("2["), packet
        event: list[Any] = orjson.loads(packet[1:])
        return event

    async def close_code(self) -> int | None:
        """Wait until the server has closed; return the close code."""
        return await close_code(self.websocket)


class Frame(NamedTuple):
    """A WebSocket frame that has arrived."""

    opcode: int
    payload: bytes
    rsv1: bool = False


CLOSE, PING, PONG = 8, 9, 10


class RawPeer:
    """A TCP connection, on which WebSocket frames may be sent that no library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """Read the head of an HTTP response: its status and headers."""
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").strip().split("\r\n")
        pairs = (text.partition(":") for text in lines)
        return int(line.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def read_exactly(self, count: int) -> bytes:
        """Read bytes."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.readexactly(count)

    async def read_rest(self) -> bytes:
        """Read until the server has closed."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
    ) -> None:
        """Send a frame, broken as it may be."""
        await self.send(frame(opcode, payload, fin=fin, rsv=rsv, masked=masked))

    async def send_text(self, text: str | bytes) -> None:
        """Send a text message."""
        await self.send_frame(1, text.encode() if isinstance(text, str) else text)

    async def read_frame(self) -> Frame:
        """Read a frame."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
            return Frame(first & 0x0F, await self._reader.readexactly(length), bool(first & 0x40))

    async def read_text(self) -> str:
        """Read a frame, which must be a text message."""
        message = await self.read_frame()
        assert message.opcode == 1, message
        return message.payload.decode()

    async def close_code(self) -> int:
        """Read until the server closes; return the close code: 1005 for none, 1006 for no close frame at all."""
        try:
            while (message := await self.read_frame()).opcode != CLOSE:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006
        return int.from_bytes(message.payload[:2], "big") if message.payload else 1005

    async def join(self) -> None:
        """Join the main namespace."""
        await self.send_text("40")
        assert (await self.read_text()).startswith('40{"sid":')


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Build a WebSocket frame. Source: RFC 6455, section 5.2."""
    head = bytes(((0x80 if fin else 0) | rsv << 4 | opcode,))
    mask = 0x80 if masked else 0
    length = len(payload)
    if length < 126:
        head += bytes((mask | length,))
    elif length < 65536:
        head += bytes((mask | 126,)) + length.to_bytes(2, "big")
    else:
        head += bytes((mask | 127,)) + length.to_bytes(8, "big")
    # A mask of zeros changes nothing.
    return head + (bytes(4) if masked else b"") + payload


HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@contextlib.asynccontextmanager
async def raw_connection(server: Endpoint) -> AsyncIterator[RawPeer]:
    """Open a TCP connection."""
    host, port = server.address
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield RawPeer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def request_websocket(
    peer: RawPeer, server: Endpoint, headers: Mapping[str, str | None] | None = None
) -> tuple[int, dict[str, str]]:
    """Send a WebSocket handshake; a header of None is left out. Returns the status and the headers of the answer."""
    await peer.send(websocket_request(server, headers))
    return await peer.read_head()


def websocket_request(server: Endpoint, headers: Mapping[str, str | None] | None = None) -> bytes:
    """Build a WebSocket handshake."""
    parts = urlsplit(server.url)
    lines = [f"GET {parts.path}?EIO=4&transport=websocket HTTP/1.1", f"host: {parts.netloc}"]
    asked = {**HANDSHAKE, **(headers or {})}
    lines += [f"{name}: {value}" for name, value in asked.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextlib.asynccontextmanager
async def raw_websocket(server: Endpoint, headers: Mapping[str, str | None] | None = None) -> AsyncIterator[RawPeer]:
    """Open a WebSocket session on which anything may be sent."""
    async with raw_connection(server) as peer:
        status, _ = await request_websocket(peer, server, headers)
        assert status == 101
        assert (await peer.read_text()).startswith("0")
        yield peer
