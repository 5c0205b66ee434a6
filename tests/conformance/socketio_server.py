"""The server that the official Socket.IO test suite expects."""

from __future__ import annotations

from antiphon import Server, Socket
from serving import parse_arguments, serve


def build(*, ping_interval: float = 0.3, ping_timeout: float = 0.2, connect_timeout: float = 1.0) -> Server:
    io = Server(ping_interval=ping_interval, ping_timeout=ping_timeout, connect_timeout=connect_timeout)

    for namespace in (io.of("/"), io.of("/custom")):

        @namespace.on("connection")
        def connection(socket: Socket) -> None:
            socket.emit("auth", socket.handshake.auth)

        @namespace.event("message")
        def message(socket: Socket, *args: object) -> None:
            socket.emit("message-back", *args)

        @namespace.event("message-with-ack")
        def message_with_ack(socket: Socket, *args: object) -> tuple[object, ...]:
            return args

    return io


if __name__ == "__main__":
    arguments = parse_arguments(__doc__)
    serve(build(), arguments.serve, arguments.port)
