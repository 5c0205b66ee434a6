import asyncio
import time

from antiphon import Ack, AckTimeout, ConnectionRefused, Request, Server, Socket


async def allow_request(request: Request) -> bool:
    if request.query.get("blocked"):
        raise ConnectionRefused("you are blocked")
    return True


io = Server(allow_request=allow_request)
admin = io.of("/admin")


@admin.use
async def check_token(socket: Socket) -> None:
    # What the client gave as `auth` for this namespace.
    if socket.handshake.auth.get("token") != "secret":
        raise ConnectionRefused("wrong token")
    socket.data["name"] = "admin"


@admin.on("connection")
async def admin_connection(socket: Socket) -> None:
    socket.emit("welcome", socket.data["name"], b"\x01\x02")


@io.event("ask everyone else")
async def ask_everyone_else(socket: Socket, question: str) -> list[object]:
    try:
        return await socket.broadcast.emit_with_ack("question", question, timeout=5)
    except AckTimeout as error:
        return list(error.responses)


@io.event("later")
def later(socket: Socket, text: str, acknowledge: Ack) -> None:
    acknowledge("got", text)


@io.event("slow", thread=True)
def slow(socket: Socket) -> str:
    time.sleep(0.01)
    socket.emit("progress", 100)
    return "done"


@io.event("start clock")
async def start_clock(socket: Socket) -> None:
    async def tick() -> None:
        for second in range(3600):
            socket.emit("tick", second)
            await asyncio.sleep(1)

    # It ends with the socket.
    socket.start_task(tick())


@io.event("disconnect")
def disconnect(socket: Socket, reason: str) -> None:
    print("left:", socket.id, reason)


@io.exception_handler
def failed(error: Exception, event: str, socket: Socket | None) -> None:
    print("failed:", event, error)
