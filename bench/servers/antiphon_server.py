"""The server that is measured: the public API, and no option but those of the workload."""

from __future__ import annotations

import asyncio

from arguments import parse

from antiphon import ConnectionRefused, Server, Socket

arguments = parse(__doc__)
io = Server(per_message_deflate=arguments.deflate)
members = io.of("/members")
NEWS = "x" * 64


@io.event("echo")
def echo(socket: Socket, data: object) -> None:
    socket.emit("echo", data)


@io.event("echo later")
async def echo_later(socket: Socket, data: object) -> None:
    await asyncio.sleep(0)
    socket.emit("echo later", data)


@io.event("ack")
def ack(socket: Socket, data: object) -> object:
    return data


@io.event("bcast")
def bcast(socket: Socket, data: object) -> None:
    io.emit("bcast", data)


@io.event("join")
def join(socket: Socket, room: str) -> tuple[()]:
    socket.join(room)
    socket.data["room"] = room
    return ()


@io.event("room")
def room(socket: Socket, data: object) -> None:
    io.to(socket.data["room"]).emit("room", data)


@io.event("flood")
async def flood(socket: Socket, count: int) -> None:
    for number in range(count):
        io.emit("news", NEWS)
        if number % 100 == 99:
            # What has been emitted goes out.
            await asyncio.sleep(0)


@members.use
def check_token(socket: Socket) -> None:
    if socket.handshake.auth.get("token") != "secret":
        raise ConnectionRefused("who are you?")


@members.on("connection")
def member_connection(socket: Socket) -> None:
    socket.use(lambda event: None)


@members.event("echo")
def member_echo(socket: Socket, data: object) -> None:
    socket.emit("echo", data)


if __name__ == "__main__":
    io.run(port=arguments.port, log_level="warning", ssl_certfile=arguments.cert, ssl_keyfile=arguments.key)
