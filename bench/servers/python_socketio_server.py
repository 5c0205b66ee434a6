"""python-socketio on uvicorn, with uvloop and httptools."""

from __future__ import annotations

import asyncio

import uvicorn
from arguments import parse

import socketio

arguments = parse(__doc__)
sio = socketio.AsyncServer(async_mode="asgi")


@sio.on("echo")
async def echo(sid, data):
    await sio.emit("echo", data, to=sid)


@sio.on("echo later")
async def echo_later(sid, data):
    await asyncio.sleep(0)
    await sio.emit("echo later", data, to=sid)


@sio.on("ack")
async def ack(sid, data):
    return data


@sio.on("bcast")
async def bcast(sid, data):
    await sio.emit("bcast", data)


@sio.on("join")
async def join(sid, room):
    await sio.enter_room(sid, room)
    await sio.save_session(sid, {"room": room})
    return ()


@sio.on("room")
async def room(sid, data):
    await sio.emit("room", data, room=(await sio.get_session(sid))["room"])


# It has no middlewares: the connect handler checks what clients bring.
@sio.on("connect", namespace="/members")
async def connect(sid, environ, auth):
    if auth["token"] != "secret":
        raise socketio.exceptions.ConnectionRefusedError("who are you?")


@sio.on("echo", namespace="/members")
async def members_echo(sid, data):
    await sio.emit("echo", data, to=sid, namespace="/members")


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(sio),
        port=arguments.port,
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=arguments.deflate,
        ssl_certfile=arguments.cert,
        ssl_keyfile=arguments.key,
    )
