"""What type checkers must accept. Nothing here runs."""

from __future__ import annotations

from collections.abc import Awaitable

import antiphon
import antiphon.sync
from antiphon import Ack, AckTimeout, ConnectionRefused, Event, Namespace, Responses, Server, Socket, on
from antiphon.server.broadcast import BroadcastOperator


class ServerToClient:
    """What the server emits."""

    chat_message = Event[tuple[str, int], None]("chat message")
    closing = Event[tuple[()], None]("closing")
    ask = Event[tuple[str], bool]("ask")


class ClientToServer:
    """What clients emit."""

    chat_message = Event[tuple[str], None]("chat message")
    rename = Event[tuple[str], bool]("rename")


class Chat(Namespace):
    def on_connection(self, socket: Socket) -> None:
        socket.join("everyone")

    async def on_message(self, socket: Socket, text: str) -> str:
        await self.to("everyone").emit("message", text)
        return "ok"

    @on("two words")
    def two_words(self, socket: Socket) -> None:
        socket.volatile.emit("answer")


io = Server(cors="*", ping_interval=10)
chat: Chat = io.of("/chat", Chat)
plain: Namespace = io.of("/plain")

# Emitting, with events that are known and with names.
delivered: Awaitable[None] = io.emit(ServerToClient.chat_message, "hello", 1)
io.emit(ServerToClient.closing)
io.emit("anything", 1, b"two", {"three": 3})
io.to("a room").except_("another").local.emit(ServerToClient.chat_message, "hello", 2)
selection: BroadcastOperator = io.in_("a room").volatile.compress(False).timeout(5)


@io.use
async def authenticate(socket: Socket) -> None:
    if "token" not in socket.handshake.auth:
        raise ConnectionRefused("not authorized", {"why": "no token"})


@io.on("connection")
async def connection(socket: Socket) -> None:
    socket.emit(ServerToClient.chat_message, "welcome", 0)
    sure: bool = await socket.emit_with_ack(ServerToClient.ask, "sure?")
    unknown: object = await socket.emit_with_ack("ask", "sure?", timeout=5)
    try:
        answers: Responses[bool] = await io.emit_with_ack(ServerToClient.ask, "all sure?")
        first: bool = answers[0]
    except AckTimeout as error:
        print(error.missing, error.responses)
        return
    print(sure, unknown, first, socket.rooms, socket.data)

    @socket.on(ClientToServer.rename)
    async def rename(name: str) -> bool:
        return name != ""

    @socket.on(ClientToServer.rename)
    def rename_at_once(name: str) -> bool:
        return name != ""

    @socket.on("anything")
    async def anything(one: int, two: bytes) -> str:
        return "ok"

    @socket.on("by hand")
    def by_hand(ack: Ack) -> None:
        ack("later")

    async def rename_later(name: str) -> bool:
        return name != ""

    socket.on(ClientToServer.rename, rename_later)
    socket.once(ClientToServer.rename, rename_later)

    @socket.on(ClientToServer.rename, thread=True)
    def rename_in_a_thread(name: str) -> bool:
        return name != ""

    @socket.on_any
    def log(event: str, *args: object) -> None: ...


@io.event(ClientToServer.chat_message)
async def chat_message(socket: Socket, text: str) -> None:
    socket.broadcast.emit(ServerToClient.chat_message, text, 1)


@io.event
def typing(socket: Socket, who: str) -> None:
    socket.to("a room").emit("typing", who)


async def client() -> None:
    async with antiphon.connect("http://localhost:3000", auth={"token": "abc"}, retries=3) as here:
        here.emit(ClientToServer.chat_message, "hello")
        renamed: bool = await here.emit_with_ack(ClientToServer.rename, "ada", timeout=5)
        here.timeout(5).emit(ClientToServer.rename, "ada", ack=print)
        await here.volatile.emit("anything", renamed, b"bytes")
        agreed: bool = await here.timeout(5).emit_with_ack(ClientToServer.rename, "ben")

        @here.on(ServerToClient.chat_message)
        async def heard(text: str, count: int) -> None: ...

        @here.on(ServerToClient.ask)
        def asked(question: str) -> bool:
            return agreed

        question: str = await here.wait_for(ServerToClient.ask)
        async for event, *args in here.events():
            print(event, args, question)
        manager: antiphon.Manager = here.io
        manager.on("reconnect", print)
        await here.disconnect()


def blocking_client() -> None:
    with antiphon.sync.connect("http://localhost:3000", reconnection_delay=0.5) as here:
        here.emit(ClientToServer.chat_message, "hello")
        renamed: bool = here.emit_with_ack(ClientToServer.rename, "ada", timeout=5)

        @here.on(ServerToClient.ask)
        def asked(question: str) -> bool:
            return renamed

        question: str = here.wait_for(ServerToClient.ask)
        event, *args = here.receive(timeout=5)
        for event, *args in here:
            print(event, args, question)
