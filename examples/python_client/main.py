"""A client that talks to server.py: `python server.py`, then `python main.py`."""

import asyncio
import logging
import sys

import antiphon

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"


async def chat() -> None:
    async with antiphon.connect(URL, auth={"token": "abc"}) as socket:

        @socket.on("chat message")
        async def chat_message(text: str) -> None:
            print("somebody says", text)

        socket.emit("chat message", "hi")
        reply = await socket.emit_with_ack("get data", "weather", timeout=5)
        print("the data is", reply)


async def answer() -> None:
    async with antiphon.connect(URL) as socket:

        @socket.on("question")
        async def question(number: int) -> int:
            return number * 2

        socket.emit("ask me")
        print("the server got", await socket.wait_for("answer", timeout=5))


async def iterate() -> None:
    async with antiphon.connect(URL) as socket:
        socket.emit("count", 3)
        async for event, *args in socket.events():
            print(event, args)
        print("the server has disconnected")


async def namespaces() -> None:
    async with antiphon.connect(URL) as socket:
        admin = socket.io.socket("/admin", auth={"token": "wrong"})
        try:
            await admin
        except antiphon.ConnectionRefused as error:
            print("refused:", error.message, error.data)
        admin.auth = {"token": "secret"}
        async with admin:
            print("admin is connected:", admin.connected, "and shares the connection:", admin.io is socket.io)


async def fresh_token() -> dict[str, str]:
    return {"token": "secret"}


async def authenticate() -> None:
    async with antiphon.connect(f"{URL}/admin", auth=fresh_token) as admin:
        print("admin is connected:", admin.connected)


async def watch() -> None:
    socket = antiphon.connect(URL)

    @socket.on("connect")
    def connected() -> None:
        print("connected by", socket.io.transport_name, "recovered" if socket.recovered else "anew")

    @socket.on("disconnect")
    def disconnected(reason: str, details: antiphon.TransportError | None) -> None:
        print("disconnected:", reason, details or "")

    @socket.on("connect_error")
    def failed(error: antiphon.ConnectError | antiphon.ConnectionRefused) -> None:
        print("not connected:", error)

    @socket.io.on("reconnect_attempt")
    def attempt(number: int) -> None:
        print("attempt", number)

    await socket
    await socket.disconnect()


async def at_least_once() -> None:
    async with antiphon.connect(URL, retries=10, ack_timeout=5) as socket:
        for number in range(3):
            socket.emit("chat message", f"number {number}")
        print("the last one was", await socket.emit_with_ack("chat message", "the end"))


async def find_out() -> None:
    try:
        await antiphon.connect("http://localhost:1", fail_fast=True)
    except antiphon.ConnectError as error:
        print(error)


async def main() -> None:
    for part in (chat, answer, iterate, namespaces, authenticate, watch, at_least_once, find_out):
        print(f"-- {part.__name__}")
        await part()


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(main())
