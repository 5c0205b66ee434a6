"""Serves pages and events for the tests of the browser client, on Antiphon. guest_server.mjs is the same on Node.js.

Run it with ``python guest_server.py PORT [OPTIONS]``; the options are those of the official server, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from antiphon import ConnectionRefused, Cors, Server, Socket
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.types import Receive, Scope, Send

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "src" / "antiphon" / "browser"
KINDS = {".html": b"text/html; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}


def translate(options: dict[str, object]) -> dict[str, object]:
    """Return options of the official server as ours: in snake_case, in seconds."""
    ours: dict[str, object] = {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): options[name] for name in options
    }
    for name in ("ping_interval", "ping_timeout"):
        if name in ours:
            ours[name] = float(str(ours[name])) / 1000
    if "connection_state_recovery" in ours:
        ours["connection_state_recovery"] = True
    if "cors" in ours:
        ours["cors"] = Cors(origin=re.compile(""), credentials=True)
    if "parser" in ours:
        ours["parser"] = MsgPackParser()
    return ours


io = Server(serve_client=False, **translate(json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}))  # type: ignore[arg-type]
numbers: list[int] = []
reasons: list[str] = []


def admit(socket: Socket) -> None:
    """Refuse whoever says so."""
    if socket.handshake.auth.get("refuse"):
        raise ConnectionRefused("not you", data={"code": 7})


def connection(socket: Socket) -> None:  # noqa: C901 - a list of handlers
    """Serve a client."""

    def echo(*args: object) -> None:
        socket.emit("echo", *args)

    def ask(*args: object) -> list[object]:
        return list(args)

    def burst(count: int) -> None:
        for number in range(count):
            socket.emit("burst", number)

    def number(value: int) -> int:
        numbers.append(value)
        return value

    async def question(*args: object) -> object:
        return await socket.emit_with_ack("question", *args, timeout=10)

    def tell(event: str, *args: object) -> None:
        io.emit(event, *args)

    def count() -> int:
        return io.engine.clients_count

    def kick() -> None:
        socket.disconnect()

    def end() -> None:
        socket.conn.close()

    def raw(text: str) -> None:
        socket.conn.send(text)

    handlers: list[Callable[..., object]] = [echo, ask, burst, number, question, tell, count, kick, end, raw]
    for handler in handlers:
        socket.on(handler.__name__, handler)
    socket.on("message", ask)
    socket.on("numbers", lambda: numbers)
    socket.on("reasons", lambda: reasons)
    socket.on("auth", lambda: socket.handshake.auth)
    socket.on("query", lambda: dict(socket.handshake.query))
    socket.on("headers", lambda: dict(socket.handshake.headers))
    socket.on("disconnect", lambda reason: reasons.append(str(reason)))
    socket.emit("welcome", socket.nsp.name)


for name in ("/", "/admin"):
    io.of(name).use(admit)
    io.of(name).on("connection", connection)


async def files(scope: Scope, _receive: Receive, send: Send) -> None:
    """Serve the page, the workers and what was built."""
    folder, _, name = scope["path"].lstrip("/").rpartition("/")
    file = (BUILT if folder == "browser" else HERE / folder) / (name or "page.html")
    headers = [(b"content-type", KINDS.get(file.suffix, b"text/plain")), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200 if file.is_file() else 404, "headers": headers})
    await send({"type": "http.response.body", "body": file.read_bytes() if file.is_file() else b""})


def end_with_input() -> None:
    """End the process when its input ends: nobody is left who needs it."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    io.wrap(files)
    io.run(port=int(sys.argv[1]), log_level="warning")
