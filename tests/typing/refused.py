"""What type checkers must refuse: each line that ends in "E", and no other. Nothing here runs."""

from __future__ import annotations

from antiphon import Event, Namespace, Server, Socket


class ServerToClient:
    """What the server emits."""

    chat_message = Event[tuple[str, int], None]("chat message")
    closing = Event[tuple[()], None]("closing")
    ask = Event[tuple[str], bool]("ask")


class ClientToServer:
    """What clients emit."""

    rename = Event[tuple[str], bool]("rename")


io = Server()

io.emit(ServerToClient.chat_mesage, "hello", 1)  # E
io.emit(ServerToClient.chat_message, 1, 1)  # E
io.emit(ServerToClient.chat_message, "hello")  # E
io.emit(ServerToClient.closing, "now")  # E
io.to("room").emit(ServerToClient.chat_message, "hello", "one")  # E
io.of("/chat").emit(ServerToClient.chat_message, b"hello", 1)  # E
io.emit(5)  # E
io.timeout("5")  # E
io.to(5)  # E
Server(ping_interval="25")  # E
Server(ping_intervall=25)  # E
name: Namespace = io.to("room")  # E


async def use(socket: Socket) -> None:
    socket.emit(ServerToClient.chat_message, "hello")  # E
    socket.volatile.emit(ServerToClient.ask, 1)  # E
    answer: str = await socket.emit_with_ack(ServerToClient.ask, "sure?")  # E
    answers: list[str] = await io.emit_with_ack(ServerToClient.ask, "sure?")  # E
    socket.timeout(5).emit(ServerToClient.ask, None)  # E
    socket.join(7)  # E
    socket.recovered = True  # E

    @socket.on(ClientToServer.rename)  # E
    async def takes_a_number(name: int) -> bool:
        return True

    @socket.on(ClientToServer.rename)  # E
    async def answers_a_text(name: str) -> str:
        return name

    @io.event(ClientToServer.rename)  # E
    async def forgets_the_socket(name: str) -> bool:
        return True
