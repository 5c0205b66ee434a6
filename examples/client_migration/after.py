"""A client of Antiphon. before.py is the same for python-socketio."""

import asyncio
import sys

import antiphon

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"


async def main() -> None:
    socket = antiphon.connect(
        URL,
        auth={"token": "abc"},
        extra_headers={"X-Name": "ada"},
        transports=["websocket"],
        reconnection_attempts=5,
        reconnection_delay=1,
        reconnection_delay_max=5,
    )

    @socket.on("connect")
    async def connect():
        print("connected")

    @socket.on("disconnect")
    async def disconnect(reason):
        print("disconnected")

    @socket.on("question")
    async def question(number):
        return number * 2

    @socket.on("answer")
    async def answer(number):
        print("the server got", number)
        socket.emit("count", 2)

    @socket.on("*")
    async def anything_else(event, *args):
        print(event, len(args))

    async with socket:
        print("the data is", await socket.emit_with_ack("get data", "weather", timeout=5))
        socket.emit("ask me")
        await socket.wait_for("disconnect")


asyncio.run(main())
