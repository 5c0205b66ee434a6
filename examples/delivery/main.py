from antiphon import AckTimeout, ConnectionStateRecovery, Server, Socket, SocketDisconnected

io = Server(
    connection_state_recovery=ConnectionStateRecovery(
        max_disconnection_duration=60,
        skip_middlewares=False,
        max_buffer_size=4_000_000,
        max_sessions=10_000,
    ),
    max_send_buffer_size=1_000_000,
)


@io.on("connection")
def connection(socket: Socket) -> None:
    if socket.recovered:
        print("back, with its rooms and its data:", socket.rooms, socket.data)
        return
    if socket.recovery_failure is not None:
        print("it wanted to come back, but:", socket.recovery_failure)
    socket.join("news")


@io.event("download")
async def download(socket: Socket, pieces: int) -> int:
    for number in range(pieces):
        # Wait until the connection has taken this piece, so that no more than one waits in memory.
        await socket.emit("piece", number, bytes(100_000))
    return pieces


@io.event("move")
def move(socket: Socket, x: int, y: int) -> None:
    # Whoever is too slow for this position gets a later one.
    socket.broadcast.volatile.emit("moved", x, y)


@io.event("disconnect")
def disconnect(socket: Socket, reason: str) -> None:
    if reason == "slow consumer":
        print("it did not read for too long:", socket.id)


async def emit_until_acknowledged(socket: Socket, event: str, *args: object, tries: int = 4) -> bool:
    for _ in range(tries):
        try:
            await socket.emit_with_ack(event, *args, timeout=5)
        except AckTimeout:
            continue
        except SocketDisconnected:
            return False
        return True
    return False


@io.event("deliver")
async def deliver(socket: Socket, text: str) -> bool:
    return await emit_until_acknowledged(socket, "parcel", text)


if __name__ == "__main__":
    io.run(port=3000)
