from antiphon import Server, Socket

io = Server()


@io.on("connection")
async def connection(socket: Socket) -> None:
    print("connected", socket.id)

    @socket.on("chat message")
    async def chat_message(text: str) -> str:
        io.emit("chat message", text)
        return "received"

    @socket.on("disconnect")
    def disconnect(reason: str) -> None:
        print("disconnected", reason)


if __name__ == "__main__":
    io.run(port=3000)
