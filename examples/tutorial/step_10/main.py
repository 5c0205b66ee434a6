import asyncio
import sqlite3
import sys
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import Server, Socket

PAGE = Path(__file__).parent / "index.html"

db = sqlite3.connect("chat.db", check_same_thread=False, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute(
    "CREATE TABLE IF NOT EXISTS messages"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT NOT NULL UNIQUE, content TEXT NOT NULL)"
)
lock = Lock()

# How far this process has got in sending what the database has.
sent = SimpleNamespace(number=db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0])

app = FastAPI()
io = Server(app, connection_state_recovery=True)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


def read(after: int, up_to: int = sys.maxsize) -> list[tuple[int, str]]:
    with lock:
        query = "SELECT id, content FROM messages WHERE id > ? AND id <= ? ORDER BY id"
        return db.execute(query, (after, up_to)).fetchall()


@io.event("chat message", thread=True)
def chat_message(socket: Socket, client_offset: str, text: str) -> None:
    with lock:
        insert = "INSERT INTO messages (client_offset, content) VALUES (?, ?) ON CONFLICT (client_offset) DO NOTHING"
        db.execute(insert, (client_offset, text))


@io.background_task
async def follow() -> None:
    while True:
        for number, text in await asyncio.to_thread(read, sent.number):
            io.to("chat").emit("chat message", text, number)
            sent.number = number
        await asyncio.sleep(0.1)


@io.on("connection")
async def connection(socket: Socket) -> None:
    if "chat" in socket.rooms:
        # It has come back to its session: it is in the room again, and was sent what it missed.
        return
    offset = socket.handshake.auth.get("serverOffset", 0)
    while offset < sent.number:
        up_to = sent.number
        for number, text in await asyncio.to_thread(read, offset, up_to):
            socket.emit("chat message", text, number)
        offset = up_to
    # Nothing was awaited since the last look at sent.number: nothing falls between the two.
    socket.join("chat")


if __name__ == "__main__":
    io.run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
