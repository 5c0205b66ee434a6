from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

from antiphon import AckTimeout, Server, Socket

PAGE = Path(__file__).parent / "index.html"

app = FastAPI()
io = Server(app)


@app.get("/")
async def home() -> FileResponse:
    return FileResponse(PAGE)


@io.event("chat message")
def chat_message(socket: Socket, text: str) -> None:
    io.emit("chat message", text)


@io.event("add")
def add(socket: Socket, *numbers: float) -> float:
    return sum(numbers)


@io.event("ask the others")
async def ask_the_others(socket: Socket, question: str) -> dict[str, object]:
    try:
        answers = await socket.broadcast.emit_with_ack("question", question, timeout=5)
    except AckTimeout as error:
        return {"answers": error.responses, "silent": len(error.missing)}
    return {"answers": answers, "silent": 0}


@io.event("join")
def join(socket: Socket, room: str) -> list[str]:
    socket.join(room)
    socket.to(room).emit("chat message", f"Somebody joined {room}.")
    return sorted(socket.rooms - {socket.id})


@io.event("say in")
def say_in(socket: Socket, room: str, text: str) -> None:
    io.to(room).emit("chat message", f"{room}: {text}")


@io.event("*")
def anything_else(socket: Socket, event: str, *arguments: object) -> str:
    return f"nobody listens to {event!r}"


if __name__ == "__main__":
    io.run(port=3000)
