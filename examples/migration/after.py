from antiphon import ConnectionRefused, Namespace, Server, Socket

io = Server(cors=["https://example.com"])


@io.use
async def check(socket: Socket) -> None:
    auth = socket.handshake.auth
    if auth.get("token") != "secret":
        raise ConnectionRefused("wrong token")
    socket.data["name"] = auth["name"]
    socket.join("lobby")


@io.event("chat message")
async def chat_message(socket: Socket, text: str) -> str:
    socket.to("lobby").emit("chat message", socket.data["name"], text)
    return "received"


@io.event
async def ask_me(socket: Socket, question: str) -> object:
    return await socket.emit_with_ack("question", question, timeout=5)


@io.event
async def leave(socket: Socket) -> None:
    socket.leave("lobby")


@io.event
async def count(socket: Socket, upto: int) -> None:
    async def work() -> None:
        for number in range(upto):
            await socket.emit("counted", number)

    socket.start_task(work())


@io.event("*")
async def anything_else(socket: Socket, event: str, *args: object) -> str:
    return f"no handler for {event}"


@io.event
async def disconnect(socket: Socket, reason: str) -> None:
    io.to("lobby").emit("left", reason)


class Admin(Namespace):
    async def on_connect(self, socket: Socket) -> None:
        socket.join("admins")

    async def on_tell(self, socket: Socket, text: str) -> None:
        self.to("admins").emit("told", text)


io.of("/admin", Admin)
