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


# The rest serves the page. Any ASGI application can stand here: FastAPI, Django, Litestar, ...

PAGE = Path(__file__).parent / "index.html"


async def page(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    status, body = (200, PAGE.read_bytes()) if scope["path"] == "/" else (404, b"There is nothing here.\n")
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = io.wrap(page)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The chat of the examples.")
    parser.add_argument("--port", type=int, default=3000)
    port = parser.parse_args().port
    print(f"The chat is at http://localhost:{port}", flush=True)
    io.run(port=port, log_level="warning")
