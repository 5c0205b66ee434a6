import sqlite3
from pathlib import Path
from threading import Lock

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import Server, Socket

PAGE = Path(__file__).parent / "index.html"

db = sqlite3.connect("chat.db", check_same_thread=False, isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL)")
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
def chat_message(socket: Socket, text: str) -> None:
    with lock:
        number = db.execute("INSERT INTO messages (content) VALUES (?)", (text,)).lastrowid
        io.to("chat").emit("chat message", text, number)


if __name__ == "__main__":
    io.run(port=3000)
