"""One client of ours: it echoes, or listens to broadcasts."""

from __future__ import annotations

import asyncio
import time

from arguments import FLOOD, PAYLOAD, parse, tell

import antiphon

arguments = parse(__doc__)


async def echo(socket: antiphon.ClientSocket) -> None:
    count = 0

    @socket.on("echo")
    def echoed(data: object) -> None:
        nonlocal count
        count += 1
        socket.emit("echo", PAYLOAD)

    for _ in range(arguments.in_flight):
        socket.emit("echo", PAYLOAD)
    await asyncio.sleep(arguments.seconds / 4)  # what is measured is the time itself
    before, start = count, time.perf_counter()
    await asyncio.sleep(arguments.seconds)
    tell(count - before, time.perf_counter() - start)


async def listen(socket: antiphon.ClientSocket) -> None:
    count = 0
    done = asyncio.Event()

    @socket.on("news")
    def news(data: object) -> None:
        nonlocal count
        count += 1
        if count % FLOOD == 0:
            done.set()

    start = time.perf_counter()
    while time.perf_counter() - start < arguments.seconds:
        socket.emit("flood", FLOOD)
        await done.wait()
        done.clear()
    tell(count, time.perf_counter() - start)


async def main() -> None:
    async with antiphon.connect(f"http://127.0.0.1:{arguments.port}", transports=["websocket"]) as socket:
        await (echo if arguments.mode == "echo" else listen)(socket)


asyncio.run(main())
