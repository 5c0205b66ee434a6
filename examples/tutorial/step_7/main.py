from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import Server, Socket

PAGE = Path(__file__).parent / "index.html"

app = FastAPI()
io = Server(app, connection_state_recovery=True)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


@io.on("connection")
def connection(socket: Socket) -> None:
    if socket.recovered:
        print("back again:", socket.id)
    else:
        print("new:", socket.id, socket.recovery_failure or "")


@io.event("chat message")
def chat_message(socket: Socket, text: str) -> None:
    io.emit("chat message", text)


@io.event("disconnect")
def disconnect(socket: Socket, reason: str) -> None:
    print("gone:", socket.id, reason)


if __name__ == "__main__":
    io.run(port=3000)
