import socketio

sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=["https://example.com"])
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    if not auth or auth.get("token") != "secret":
        raise socketio.exceptions.ConnectionRefusedError("wrong token")
    await sio.save_session(sid, {"name": auth["name"]})
    await sio.enter_room(sid, "lobby")


@sio.on("chat message")
async def chat_message(sid, text):
    session = await sio.get_session(sid)
    await sio.emit("chat message", (session["name"], text), to="lobby", skip_sid=sid)
    return "received"


@sio.event
async def ask_me(sid, question):
    return await sio.call("question", question, to=sid, timeout=5)


@sio.event
async def leave(sid):
    await sio.leave_room(sid, "lobby")


@sio.event
async def count(sid, upto):
    async def work():
        for number in range(upto):
            await sio.emit("counted", number, to=sid)
            await sio.sleep(0)

    sio.start_background_task(work)


@sio.on("*")
async def anything_else(event, sid, *args):
    return f"no handler for {event}"


@sio.event
async def disconnect(sid, reason):
    await sio.emit("left", reason, room="lobby")


class Admin(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ, auth):
        await self.enter_room(sid, "admins")

    async def on_tell(self, sid, text):
        await self.emit("told", text, room="admins")


sio.register_namespace(Admin("/admin"))
