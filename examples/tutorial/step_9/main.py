import sqlite3
from pathlib import Path
from threading import Lock

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import Server, Socket

PAGE = Path(__file__).parent / "index.html"

db = sqlite3.connect("chat.db", check_same_thread=False, isolation_level=None)
db.execute(
    "CREATE TABLE IF NOT EXISTS messages"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT NOT NULL UNIQUE, content TEXT NOT NULL)"
)
lock = Lock()

app = FastAPI()
io = Server(app, connection_state_recovery=True)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


@io.on("connection", thread=True)
def connection(socket: Socket) -> None:
    if "chat" in socket.rooms:
        # It has come back to its session: it is in the room again, and was sent what it missed.
        return
    offset = socket.handshake.auth.get("serverOffset", 0)
    with lock:
        for number, text in db.execute("SELECT id, content FROM messages WHERE id > ? ORDER BY id", (offset,)):
            socket.emit("chat message", text, number)
        socket.join("chat")


@io.event("chat message", thread=True)
def chat_message(socket: Socket, client_offset: str, text: str) -> None:
    with lock:
        insert = (
            "INSERT INTO messages (client_offset, content) VALUES (?, ?)"
            " ON CONFLICT (client_offset) DO NOTHING RETURNING id"
        )
        row = db.execute(insert, (client_offset, text)).fetchone()
        # No row: an earlier try has stored it already, only its acknowledgement got lost.
        if row is not None:
            io.to("chat").emit("chat message", text, row[0])


if __name__ == "__main__":
    io.run(port=3000)
