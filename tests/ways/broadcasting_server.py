"""A server process that broadcasts 1 GB when it is told to, and says how it went. Started by test_slow_consumers.py."""

from __future__ import annotations

import resource
import sys

import uvicorn

from antiphon import Server, Socket

MESSAGES = 1000
SIZE = 1_000_000

io = Server(max_http_buffer_size=2_000_000)


def memory() -> int:
    """Return the memory that the process has now, in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


@io.event
async def start(_socket: Socket) -> None:
    began = peak = memory()
    for number in range(MESSAGES):
        io.emit("piece", number, bytes(SIZE))
        # As fast as those who read.
        for other in list(io.sockets.sockets.values()):
            if other.handshake.query["who"] != "slow":
                await other.conn
        peak = max(peak, memory())
    sys.stdout.write(f"grown {peak - began}\n")
    sys.stdout.flush()


@io.event
def disconnect(socket: Socket, reason: str, description: str | None) -> None:
    sys.stdout.write(f"gone {socket.handshake.query['who']} {reason}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    way, port = sys.argv[1], int(sys.argv[2])
    if way == "fast":
        io.run(port=port, log_level="warning")
    else:
        uvicorn.run(io, port=port, log_level="warning", ws_per_message_deflate=False)
