from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import Server, Socket

PAGE = Path(__file__).parent / "index.html"

app = FastAPI()
io = Server(app)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


@io.on("connection")
def connection(socket: Socket) -> None:
    print("connected:", socket.id)


@io.event("disconnect")
def disconnect(socket: Socket, reason: str) -> None:
    print("disconnected:", socket.id, reason)


if __name__ == "__main__":
    io.run(port=3000)
