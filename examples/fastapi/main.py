from fastapi import FastAPI

from antiphon import Server, Socket

app = FastAPI()
io = Server()


@app.get("/")
async def home() -> dict[str, int]:
    return {"connected": len(io.sockets.sockets)}


@io.event("join")
async def join(socket: Socket, room: str) -> None:
    socket.join(room)
    socket.to(room).emit("joined", socket.id)


app.mount("/", io)
