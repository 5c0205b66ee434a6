"""A client stops reading while 1 GB is broadcast: it is dropped, the others miss nothing, the process stays small."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from broadcasting_server import MESSAGES, SIZE

MOST_GROWTH = 200_000_000


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def connect(session: aiohttp.ClientSession, url: str, who: str) -> aiohttp.ClientWebSocketResponse:
    """Open a WebSocket and join the main namespace."""
    query = f"/socket.io/?EIO=4&transport=websocket&who={who}"
    for _ in range(400):
        try:
            ws = await session.ws_connect(url + query, max_msg_size=0)
            break
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.05)
    else:
        raise AssertionError("the server did not start")
    await ws.receive_str()
    await ws.send_str("40")
    assert (await ws.receive_str()).startswith("40")
    return ws


async def read_everything(ws: aiohttp.ClientWebSocketResponse) -> None:
    expected = 0
    while expected < MESSAGES:
        text = await ws.receive_str()
        if text == "2":
            await ws.send_str("3")
            continue
        assert json.loads(text[text.index("[") :])[:2] == ["piece", expected]
        assert len(await ws.receive_bytes()) == SIZE
        expected += 1


async def stop_reading(url: str) -> socket.socket:
    """Join by WebSocket, and read nothing any more."""
    host, port = "127.0.0.1", int(url.rpartition(":")[2])
    ws = socket.create_connection((host, port))
    ws.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(
        ws,
        b"GET /socket.io/?EIO=4&transport=websocket&who=slow HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    received = b""
    while b'{"sid"' not in received:
        received += await loop.sock_recv(ws, 4096)
    # "40", masked with zeros.
    await loop.sock_sendall(ws, b"\x81\x82\0\0\0\x0040")
    while b"40{" not in received:
        received += await loop.sock_recv(ws, 4096)
    return ws


async def stop_polling(session: aiohttp.ClientSession, url: str) -> None:
    """Join by polling, and poll no more."""
    query = f"{url}/socket.io/?EIO=4&transport=polling&who=slow"
    async with session.get(query) as response:
        sid = json.loads((await response.text())[1:])["sid"]
    async with session.post(f"{query}&sid={sid}", data="40") as response:
        assert await response.text() == "ok"
    async with session.get(f"{query}&sid={sid}") as response:
        assert (await response.text()).startswith("40")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("way", ["fast", "asgi"])
async def test_it_is_dropped_with_its_reason_and_the_others_get_everything(way: str, transport: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("broadcasting_server.py")), way, str(port),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    slow = None
    try:
        async with aiohttp.ClientSession() as session:
            first, second = [await connect(session, url, who) for who in ("first", "second")]
            if transport == "websocket":
                slow = await stop_reading(url)
            else:
                await stop_polling(session, url)
            await first.send_str('42["start"]')
            await asyncio.gather(read_everything(first), read_everything(second))
            told = [(await server.stdout.readline()).decode().split(maxsplit=2) for _ in range(2)]
            await asyncio.gather(first.close(), second.close())
    finally:
        # An ASGI server that stops waits for the slow client, and cannot be told not to.
        server.kill()
        await server.wait()
        if slow is not None:
            slow.close()
    assert told[0] == ["gone", "slow", "slow consumer\n"]
    assert told[1][0] == "grown"
    assert int(told[1][1]) < MOST_GROWTH
