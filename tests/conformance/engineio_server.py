"""The server that the official Engine.IO test suites expect: it echoes messages at ``/engine.io/``."""

from __future__ import annotations

from antiphon import Server
from antiphon.engineio.session import CloseReason
from antiphon.server.engine_socket import EngineSocket
from serving import parse_arguments, serve


class Echo:
    """Sends every message back. There is no Socket.IO here."""

    def __init__(self, socket: EngineSocket) -> None:
        self._socket = socket
        socket.listener = self

    def receive_text(self, data: bytes) -> None:
        self._socket.send(data.decode())

    def receive_binary(self, data: bytes) -> None:
        self._socket.send(data)

    def closed(self, reason: CloseReason, description: str | None) -> None: ...


def echo(socket: EngineSocket) -> None:
    """Send every message of a session back."""
    Echo(socket)


def build(*, eio3: bool, ping_interval: float = 0.3, ping_timeout: float = 0.2) -> Server:
    io = Server(path="/engine.io", ping_interval=ping_interval, ping_timeout=ping_timeout, allow_eio3=eio3)
    io.engine.on_connection = echo
    return io


if __name__ == "__main__":
    arguments = parse_arguments(__doc__, eio3="serve Engine.IO 3 too")
    serve(build(eio3=arguments.eio3), arguments.serve, arguments.port)
