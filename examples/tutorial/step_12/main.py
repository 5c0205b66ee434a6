from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import ConnectionRefused, Server, Socket

PAGE = Path(__file__).parent / "index.html"

app = FastAPI()
io = Server(app)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


def online() -> list[str]:
    return sorted(str(socket.data["name"]) for socket in io.sockets.sockets.values())


@io.use
def take_name(socket: Socket) -> None:
    name = socket.handshake.auth.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 20:
        raise ConnectionRefused("a name has 1 to 20 letters")
    if name in online():
        raise ConnectionRefused(f"somebody is called {name} already")
    socket.data["name"] = name


@io.on("connection")
def connection(socket: Socket) -> None:
    # A room of this name: whoever knows it can send there.
    socket.join(f"name:{socket.data['name']}")
    socket.broadcast.emit("note", f"{socket.data['name']} is here")
    io.emit("online", online())


@io.event("disconnect")
def disconnect(socket: Socket) -> None:
    io.emit("note", f"{socket.data['name']} is gone")
    io.emit("online", online())


@io.event("chat message")
def chat_message(socket: Socket, text: str) -> None:
    socket.broadcast.emit("chat message", socket.data["name"], text)


@io.event("typing")
def typing(socket: Socket) -> None:
    socket.broadcast.volatile.emit("typing", socket.data["name"])


@io.event("whisper")
def whisper(socket: Socket, name: str, text: str) -> bool:
    if name not in online():
        return False
    io.to(f"name:{name}").emit("chat message", f"{socket.data['name']} (to you)", text)
    return True


if __name__ == "__main__":
    io.run(port=3000)
