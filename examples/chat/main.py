"""A chat with nicknames and rooms, which shows who is online and who is typing.

Start it with ``python main.py``, or with ``antiphon run main:io`` in this folder.
"""

import argparse
from pathlib import Path

from antiphon import Server, Socket, SocketId
from antiphon.types import Receive, Scope, Send

io = Server()
nicknames: dict[SocketId, str] = {}


@io.event
def enter(socket: Socket, nickname: str) -> str | None:
    """Let a client in. The acknowledgement says what is wrong with the nickname, if anything."""
    nickname = tidy(nickname)
    if not nickname:
        return "Please type a nickname."
    if nickname in nicknames.values():
        return f"Somebody is called {nickname} already."
    nicknames[socket.id] = nickname
    join(socket, "#everyone")
    io.emit("online", sorted(nicknames.values()))
    return None


@io.event
def join(socket: Socket, room: str) -> str | None:
    """Let a client into a room and tell the others there. The acknowledgement is the name of the room."""
    room = "#" + tidy(room).lstrip("#")
    if room == "#" or socket.id not in nicknames:
        return None
    socket.join(room)
    socket.to(room).emit("joined", room, nicknames[socket.id])
    return room


@io.event
def message(socket: Socket, room: str, text: str) -> bool:
    """Pass a message on to the others in a room. The acknowledgement says whether that was done."""
    if room not in socket.rooms:
        return False
    socket.to(room).emit("message", room, nicknames[socket.id], str(text)[:2000])
    return True


@io.event
def typing(socket: Socket, room: str) -> None:
    """Tell the others in a room that somebody is typing."""
    if room in socket.rooms:
        socket.to(room).emit("typing", room, nicknames[socket.id])


@io.event
def leave(socket: Socket, room: str) -> None:
    """Let a client out of a room and tell the others there."""
    if room in socket.rooms:
        socket.leave(room)
        socket.to(room).emit("left", room, nicknames[socket.id])


@io.event
def disconnecting(socket: Socket) -> None:
    """Take a client out of all its rooms, unless it never came in."""
    if socket.id in nicknames:
        for room in socket.rooms:
            leave(socket, room)
        del nicknames[socket.id]
        io.emit("online", sorted(nicknames.values()))


def tidy(name: str) -> str:
    """Make one short line of a name that came from a client."""
    return " ".join(str(name).split())[:20]


# The rest serves the page and the client script. Any ASGI application can stand here: FastAPI, Django, Litestar, ...

HERE = Path(__file__).parent
FILES = {
    "/": (HERE / "index.html", b"text/html; charset=utf-8"),
    "/client.js": (HERE / "node_modules/socket.io-client/dist/socket.io.min.js", b"text/javascript; charset=utf-8"),
}


async def files(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    file, kind = FILES.get(scope["path"], (HERE / "missing", b"text/plain"))
    status, body = (200, file.read_bytes()) if file.exists() else (404, b"There is nothing here.\n")
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


app = io.wrap(files)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The chat of the examples.")
    parser.add_argument("--port", type=int, default=3000)
    port = parser.parse_args().port
    print(f"The chat is at http://localhost:{port}", flush=True)
    io.run(port=port, log_level="warning")
