"""The server that the chaos happens to, on Antiphon. chaos_server.mjs is the same on Node.js.

Run it with ``python chaos_server.py PORT LOG INTERVAL TIMEOUT``: the heartbeat is in seconds. For every line of its
input it starts a server, in a process of its own, whose id is the next line of its output; it ends with its input. A
process that has imported everything forks much faster than a new one starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys

from antiphon import Ack, Server, Socket


class Log:
    """A file that survives the server: one line for each number that came, in order."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, line: object) -> None:
        os.write(self._file, f"{line}\n".encode())


def serve_client(socket: Socket, log: Log) -> None:
    """Answer what a client emits."""
    ticks = 0
    stubborn: dict[object, int] = {}

    @socket.on("number")
    def number(value: int) -> int:
        log.write(value)
        return value

    @socket.on("poke")
    def poke(padding: object = None) -> bool:
        nonlocal ticks
        ticks += 1
        socket.emit("tick", socket.id, ticks, padding)
        return True

    @socket.on("never")
    def never(value: int, ack: Ack) -> None:
        # Without an answer.
        log.write(value)

    @socket.on("late")
    def late(value: int, tries: int, ack: Ack) -> None:
        # The answer comes only when the event has come so often.
        log.write(value)
        stubborn[value] = stubborn.get(value, 0) + 1
        if stubborn[value] >= tries:
            ack(value)

    socket.on("disconnect", lambda: log.write("left"))
    socket.emit("greeting", socket.id)


async def serve(port: int, log: Log, interval: float, timeout: float) -> None:
    """Serve, and say so."""
    io = Server(serve_client=False, ping_interval=interval, ping_timeout=timeout)
    io.on("connection", lambda socket: serve_client(socket, log))
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(os.getpid(), flush=True)  # noqa: T201 - that is how it is found
    await io.serve(sockets=[listener], log_level="warning")


def main() -> None:
    port, log, interval, timeout = int(sys.argv[1]), Log(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    # Whoever was killed needs nobody to wait for it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children = []
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            asyncio.run(serve(port, log, interval, timeout))
            os._exit(0)
        children.append(child)
    for child in children[-1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
