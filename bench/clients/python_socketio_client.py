"""The same with python-socketio's asyncio client."""

from __future__ import annotations

import asyncio
import time

from arguments import FLOOD, PAYLOAD, parse, tell

import socketio

arguments = parse(__doc__)


async def echo(client: socketio.AsyncClient) -> None:
    count, over = 0, False

    async def echoed(data: object) -> None:
        nonlocal count
        count += 1
        if not over:
            await client.emit("echo", PAYLOAD)

    client.on("echo", echoed)
    for _ in range(arguments.in_flight):
        await client.emit("echo", PAYLOAD)
    await asyncio.sleep(arguments.seconds / 4)
    before, start = count, time.perf_counter()
    await asyncio.sleep(arguments.seconds)
    tell(count - before, time.perf_counter() - start)
    over = True


async def listen(client: socketio.AsyncClient) -> None:
    count = 0
    done = asyncio.Event()

    def news(data: object) -> None:
        nonlocal count
        count += 1
        if count % FLOOD == 0:
            done.set()

    client.on("news", news)
    start = time.perf_counter()
    while time.perf_counter() - start < arguments.seconds:
        await client.emit("flood", FLOOD)
        await done.wait()
        done.clear()
    tell(count, time.perf_counter() - start)


async def main() -> None:
    client = socketio.AsyncClient()
    await client.connect(f"http://127.0.0.1:{arguments.port}", transports=["websocket"])
    await (echo if arguments.mode == "echo" else listen)(client)
    await client.disconnect()


asyncio.run(main())
