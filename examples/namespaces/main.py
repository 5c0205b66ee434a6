import re
from typing import Any

from antiphon import ConnectionRefused, Namespace, Server, Socket, on

io = Server(cleanup_empty_child_namespaces=True)

# A namespace by its name, with a middleware.

admin = io.of("/admin")


@admin.use
async def check_token(socket: Socket) -> None:
    if socket.handshake.auth.get("token") != "secret":
        raise ConnectionRefused("wrong token", {"code": "token"})
    socket.data["name"] = "admin"


@admin.on("connection")
async def admin_connected(socket: Socket) -> None:
    socket.emit("welcome", socket.data["name"])


@admin.event("kick everyone")
def kick_everyone(socket: Socket) -> None:
    io.disconnect_sockets()


# A middleware for the events of one socket.


@io.on("connection")
def connection(socket: Socket) -> None:
    @socket.use
    def only_short(event: list[Any]) -> None:
        name, *arguments = event
        if any(isinstance(argument, str) and len(argument) > 100 for argument in arguments):
            raise ValueError(f"{name} is too long")

    @socket.on("error")
    def error(error: Exception) -> None:
        socket.emit("refused", str(error))


@io.event("say")
def say(socket: Socket, text: str) -> None:
    io.emit("said", text)


# A class, whose methods are the handlers.


class Rooms(Namespace):
    def on_connection(self, socket: Socket) -> None:
        socket.emit("rooms", sorted(socket.rooms - {socket.id}))

    async def on_enter(self, socket: Socket, room: str) -> int:
        socket.join(room)
        self.to(room).emit("entered", socket.id)
        return len(self.rooms[room])

    @on("chat message")
    async def chat_message(self, socket: Socket, room: str, text: str) -> None:
        socket.to(room).emit("chat message", text)

    def on_disconnect(self, socket: Socket, reason: str) -> None:
        self.emit("left", socket.id)


io.of("/rooms", Rooms)

# Namespaces that are made when a client asks for them.

tenants = io.of(re.compile(r"^/tenant-\d+$"))


@tenants.on("connection")
def tenant_connected(socket: Socket) -> None:
    socket.emit("tenant", socket.nsp.name)


async def may_enter(name: str, auth: Any) -> bool:
    return name.startswith("/private/") and auth.get("key") == name.removeprefix("/private/")


private = io.of(may_enter)


@private.event("say")
def say_in_private(socket: Socket, text: str) -> None:
    socket.nsp.emit("said", text)


def tell_all_tenants(text: str) -> None:
    tenants.emit("news", text)


if __name__ == "__main__":
    io.run(port=3000)
