"""Serves an ASGI application in each of the ways that users have: ``--serve fast|asgi|hypercorn``."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable

from antiphon import Server

WAYS = ("fast", "asgi", "hypercorn")


def parse_arguments(description: str, **flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--serve", choices=WAYS, default="fast")
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser.parse_args()


def serve(io: Server, way: str, port: int) -> None:
    starters: dict[str, Callable[[Server, int], None]] = {"fast": _fast, "asgi": _asgi, "hypercorn": _hypercorn}
    starters[way](io, port)


def _fast(io: Server, port: int) -> None:
    io.run(port=port, log_level="warning")


def _asgi(io: Server, port: int) -> None:
    import uvicorn  # noqa: PLC0415 - the other ways need not have it

    uvicorn.run(io, port=port, log_level="warning", timeout_graceful_shutdown=1)


def _hypercorn(io: Server, port: int) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 1

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await hypercorn_serve(io, config, shutdown_trigger=stop.wait)

    asyncio.run(main())
