"""A server to talk to, for the tests of the command line. Its port is its first line; it ends when its input does."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

from antiphon import Ack, ConnectionRefused, Server, Socket

io = Server()
admin = io.of("/admin")
seen: list[list[object]] = []
told = asyncio.Event()
count = 0
ticks = 0


@io.on("connection")
def connection(client: Socket) -> None:  # noqa: C901 - a list of handlers
    @client.on("echo")
    def echo(*args: object) -> tuple[object, ...]:
        client.emit("echo", *args)
        return args

    @client.on("sum")
    def add(*numbers: int) -> int:
        return sum(numbers)

    @client.on("silence")
    def silence(ack: Ack) -> None: ...

    @client.on("ask me")
    def ask_me() -> None:
        client.emit("question", 40, ack=lambda *answer: None)

    @client.on("kick")
    def kick() -> None:
        client.disconnect()

    @client.on("drop")
    def drop() -> None:
        client.conn.close()

    @client.on("greet")
    def greet() -> tuple[object, ...]:
        return client.handshake.auth, dict(client.handshake.query), client.handshake.headers.get("x-who", "")

    @client.on("keep")
    def keep(*args: object) -> None:
        seen.append(list(args))

    @client.on("kept")
    def kept() -> list[list[object]]:
        return seen

    @client.on("size")
    def size(data: bytes) -> int:
        return len(data)

    @client.on("keep size")
    def keep_size(key: str, data: bytes) -> None:
        seen.append([key, len(data)])

    @client.on("tell then silence")
    def tell_then_silence(ack: Ack) -> None:
        told.set()

    @client.on("was told")
    async def was_told() -> bool:
        await told.wait()
        return True

    @client.on("slow")
    async def slow(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @client.on("later")
    async def later(seconds: float, *args: object) -> None:
        await asyncio.sleep(seconds)
        client.emit("later", *args)

    @client.on("counted")
    def counted(*args: object) -> None:
        global count  # noqa: PLW0603
        count += 1
        client.emit("counted", *args)

    @client.on("counts")
    def counts() -> int:
        return count

    @client.on("ticks")
    def told_ticks() -> int:
        return ticks

    @client.on("slow answer")
    async def slow_answer(_payload: str) -> bool:
        await asyncio.sleep(0.2)
        return True

    @client.on("ping me")
    def ping_me(payload: str) -> None:
        client.emit("pong", payload)

    @client.on("flood")
    async def flood(count: int) -> None:
        for number in range(count):
            client.emit("drop of water", number)
            if number % 100 == 0:
                await asyncio.sleep(0)

    @client.on("*")
    def anything(name: str, *args: object) -> None: ...


@admin.use
def admit(client: Socket) -> None:
    if client.handshake.auth.get("token") != "secret":
        raise ConnectionRefused("wrong token", data={"hint": "it is secret"})


@admin.on("connection")
def connection_of_admin(client: Socket) -> None:
    client.emit("welcome", "admin", b"four")

    @client.on("who")
    def who() -> str:
        return "admin"


@io.of("/ticks").on("connection")
async def connection_of_ticks(client: Socket) -> None:
    global ticks  # noqa: PLW0603
    while client.connected:
        ticks += 1
        client.emit("tick")
        await asyncio.sleep(0.05)


def main() -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    listener.listen(1024)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)  # noqa: T201

    def end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(lambda: asyncio.ensure_future(io.close()))

    async def serve() -> None:
        global loop  # noqa: PLW0603
        loop = asyncio.get_running_loop()
        threading.Thread(target=end, daemon=True).start()
        await io.serve(sockets=[listener], log_level="warning")

    asyncio.run(serve())


loop: asyncio.AbstractEventLoop

if __name__ == "__main__":
    main()
