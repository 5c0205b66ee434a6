"""The server of python-socketio: ``python python_socketio_server.py``. It prints its port, and ends with its input."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import Any

import uvicorn

import socketio  # type: ignore[import-untyped]

io = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", ping_interval=5, ping_timeout=5)


def serve(nsp: str) -> None:
    """Serve the clients of a namespace."""

    async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
        if auth and auth.get("refuse"):
            raise socketio.exceptions.ConnectionRefusedError("not you", {"code": 7})
        await io.emit("greeting", (sid, auth), to=sid, namespace=nsp)

    async def echo(sid: str, *args: object) -> None:
        await io.emit("echo", args, to=sid, namespace=nsp)

    async def ask(sid: str, *args: object) -> object:
        return args

    async def nothing(sid: str) -> None:
        pass

    async def question(sid: str, *args: object) -> object:
        return await io.call("question", args, to=sid, namespace=nsp)

    async def kick(sid: str) -> None:
        await io.disconnect(sid, namespace=nsp)

    async def join(sid: str, room: str) -> bool:
        await io.enter_room(sid, room, namespace=nsp)
        await io.emit("joined", room, room=room, namespace=nsp)
        return True

    for handler in (connect, echo, ask, nothing, question, kick, join):
        io.on(handler.__name__, handler, namespace=nsp)


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    for name in ("/", "/admin"):
        serve(name)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=end_with_input, daemon=True).start()
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - that is how it is found
    server = uvicorn.Server(uvicorn.Config(socketio.ASGIApp(io), log_level="warning", ws="websockets-sansio"))
    asyncio.run(server.serve(sockets=[listener]))
