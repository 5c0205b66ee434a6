"""A client of python-socketio. after.py is the same for Antiphon."""

import asyncio
import sys

import socketio

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"


async def main() -> None:
    sio = socketio.AsyncClient(reconnection_attempts=5, reconnection_delay=1, reconnection_delay_max=5)
    done = asyncio.Event()

    @sio.event
    async def connect():
        print("connected")

    @sio.event
    async def disconnect(reason):
        print("disconnected")
        done.set()

    @sio.on("question")
    async def question(number):
        return number * 2

    @sio.on("answer")
    async def answer(number):
        print("the server got", number)
        await sio.emit("count", 2)

    @sio.on("*")
    async def anything_else(event, *args):
        print(event, len(args))

    await sio.connect(URL, auth={"token": "abc"}, headers={"X-Name": "ada"}, transports=["websocket"])
    print("the data is", await sio.call("get data", "weather", timeout=5))
    await sio.emit("ask me")
    await done.wait()


asyncio.run(main())
