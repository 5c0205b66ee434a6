"""What type checkers must refuse: each line that ends in "E", and no other. Nothing here runs."""

from __future__ import annotations

import antiphon
import antiphon.sync
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


async def client() -> None:
    antiphon.connect("http://localhost:3000", reconnection_delya=1)  # E
    antiphon.connect("http://localhost:3000", transports=["carrier pigeon"])  # E
    async with antiphon.connect(3000) as here:  # E
        here.emit(ClientToServer.rename, 5)  # E
        name: str = await here.emit_with_ack(ClientToServer.rename, "ada")  # E
        number: int = await here.wait_for(ServerToClient.ask)  # E

        @here.on(ServerToClient.ask)  # E
        def asked(question: int) -> bool:
            return question > 0


def blocking_client() -> None:
    with antiphon.sync.connect("http://localhost:3000", when_offline="wait") as here:  # E
        here.emit(ClientToServer.rename)  # E
        name: str = here.emit_with_ack(ClientToServer.rename, "ada")  # E
        here.connected = True  # E
