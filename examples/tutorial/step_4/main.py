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


@io.event("chat message")
def chat_message(socket: Socket, text: str) -> None:
    print("message:", text)


if __name__ == "__main__":
    io.run(port=3000)
