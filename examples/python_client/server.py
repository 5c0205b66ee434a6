"""A server for the Python clients of this folder."""

from antiphon import ConnectionRefused, Server, Socket

io = Server()
admin = io.of("/admin")


@io.on("connection")
async def connection(socket: Socket) -> None:
    socket.emit("welcome", socket.id)

    @socket.on("chat message")
    async def chat_message(text: str) -> str:
        io.emit("chat message", text)
        return "received"

    @socket.on("get data")
    async def get_data(name: str) -> dict[str, str]:
        return {"name": name}

    @socket.on("ask me")
    async def ask_me() -> None:
        socket.emit("answer", await socket.emit_with_ack("question", 20, timeout=5))

    @socket.on("count")
    async def count(upto: int) -> None:
        for number in range(1, upto + 1):
            socket.emit("number", number)
        socket.disconnect()


@admin.use
async def check_token(socket: Socket) -> None:
    if socket.handshake.auth.get("token") != "secret":
        raise ConnectionRefused("wrong token", {"hint": "it is secret"})


if __name__ == "__main__":
    io.run(port=3000)
