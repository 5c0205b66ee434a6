import time

from antiphon import Ack, AckTimeout, ConnectionRefused, Request, Server, Socket


async def allow_request(request: Request) -> bool:
    if request.query.get("blocked"):
        raise ConnectionRefused("you are blocked")
    return True


io = Server(allow_request=allow_request)
admin = io.of("/admin")


@admin.on("connection")
async def admin_connection(socket: Socket) -> None:
    # What the client gave as `auth` for this namespace.
    if socket.handshake.auth.get("token") != "secret":
        socket.disconnect()
        return
    socket.data["name"] = "admin"
    socket.emit("welcome", socket.data["name"], b"\x01\x02")


@io.event("ask everyone else")
async def ask_everyone_else(socket: Socket, question: str) -> list[object]:
    answers: list[object] = []
    for other in list(io.sockets.sockets.values()):
        if other is not socket:
            try:
                answers.append(await other.timeout(5).emit_with_ack("question", question))
            except AckTimeout:
                answers.append(None)
    return answers


@io.event("later")
def later(socket: Socket, text: str, acknowledge: Ack) -> None:
    acknowledge("got", text)


@io.event("slow", thread=True)
def slow(socket: Socket) -> str:
    time.sleep(0.01)
    socket.emit("progress", 100)
    return "done"


@io.exception_handler
def failed(error: Exception, event: str, socket: Socket) -> None:
    print("failed:", event, error)
