"""The whole way of an event through the server, there and back.

Each checks the latest answer in the end, framed or not: an event that gets lost needs few instructions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from bench.micro.memory import collectors, masked_frame, new_server, wires
from bench.micro.parsers import PAYLOAD
from bench.micro.workload import Run, rounds

from antiphon import Server, Socket

__all__ = [
    "ack",
    "ack_async",
    "echo",
    "echo_async",
    "echo_binary_over_websocket",
    "echo_in_a_namespace",
    "echo_on_the_socket",
    "echo_over_websocket",
]

_CLIENTS = 100
"""How many send an event in the same turn of the event loop, where one is needed."""

_ACK = b'4317["%s"]' % PAYLOAD.encode()


def _server(nsp: str = "/") -> Server:
    io = new_server()
    namespace = io.of(nsp)

    @namespace.event("echo")
    def echo(socket: Socket, data: object) -> None:
        socket.emit("echo", data)

    @namespace.event("ack")
    def ack(_socket: Socket, data: object) -> object:
        return data

    @namespace.event("echo async")
    async def echo_async(socket: Socket, data: object) -> None:
        socket.emit("echo async", data)

    @namespace.event("ack async")
    async def ack_async(_socket: Socket, data: object) -> object:
        return data

    return io


def _event(name: str, lead: str = "42") -> bytes:
    return f'{lead}["{name}","{PAYLOAD}"]'.encode()


def echo() -> Run:
    """An event is answered with an event: from the text of the packet to the text of the answer."""
    return _one_client(_server(), _event("echo"), _event("echo"))


def echo_on_the_socket() -> Run:
    """The same with a handler that is registered at the socket, as the JavaScript documentation does."""
    io = new_server()

    @io.on("connection")
    def connection(socket: Socket) -> None:
        @socket.on("echo")
        def echo(data: object) -> None:
            socket.emit("echo", data)

    return _one_client(io, _event("echo"), _event("echo"))


def echo_in_a_namespace() -> Run:
    """The same in another namespace than the main one: the long way to the parser."""
    packet = _event("echo", "42/chat,")
    return _one_client(_server("/chat"), packet, packet, "/chat")


def ack() -> Run:
    """An event is acknowledged with what its handler returns."""
    return _one_client(_server(), _event("ack", "4217"), _ACK)


def _one_client(io: Server, packet: bytes, answer: bytes, nsp: str = "/") -> Run:
    (transport,) = asyncio.run(collectors(io, 1, nsp))

    def run(count: int) -> None:
        # What PicowsConnection.on_ws_frame does.
        for _ in range(count):
            receive = transport.owner.receive_text
            receive(packet)
        assert transport.sent[0].endswith(answer)

    return run


def echo_async() -> Run:
    """An event is answered by an ``async def`` handler: 100 of them in a turn of the event loop."""
    return _many_clients(_event("echo async"), _event("echo async"))


def ack_async() -> Run:
    """An event is acknowledged with what an ``async def`` handler returns."""
    return _many_clients(_event("ack async", "4217"), _ACK)


def _many_clients(packet: bytes, answer: bytes) -> Run:
    loop = asyncio.new_event_loop()
    transports = loop.run_until_complete(collectors(_server(), _CLIENTS))

    def receive() -> None:
        for transport in transports:
            transport.owner.receive_text(packet)

    return _in_turns(loop, receive, transports[-1].sent, answer)


def echo_over_websocket() -> Run:
    """From the bytes that a client sends to the bytes that it gets: picows, our connection, the flush and all else."""
    return _over_websocket(masked_frame(_event("echo")), _event("echo"))


def echo_binary_over_websocket() -> Run:
    """The same for an event with an attachment, which is answered with one."""
    header, attachment = b'451-["echo",{"_placeholder":true,"num":0}]', PAYLOAD.encode()
    return _over_websocket(masked_frame(header) + masked_frame(attachment, binary=True), attachment)


def _over_websocket(frames: bytes, answer: bytes) -> Run:
    loop = asyncio.new_event_loop()
    clients = loop.run_until_complete(wires(_server(), _CLIENTS))

    def receive() -> None:
        for client in clients:
            client.receive(frames)

    return _in_turns(loop, receive, clients[-1].sent, answer)


def _in_turns(loop: asyncio.AbstractEventLoop, receive: Callable[[], None], sent: deque[bytes], answer: bytes) -> Run:
    """Have each client send an event in each turn of the event loop."""

    async def turns(count: int) -> None:
        for _ in rounds(count, _CLIENTS):
            receive()
            await asyncio.sleep(0)

    def run(count: int) -> None:
        loop.run_until_complete(turns(count))
        assert sent[0].endswith(answer)

    return run
