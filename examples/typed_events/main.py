from dataclasses import dataclass

from antiphon import Event, Server, Socket


@dataclass
class Position:
    x: float
    y: float


class FromClient:
    rename = Event[tuple[str], bool]("rename")
    move = Event[tuple[float, float], None]("move")


class FromServer:
    moved = Event[tuple[str, Position], None]("moved")
    confirm = Event[tuple[str], bool]("confirm")


io = Server()


@io.event(FromClient.rename)
async def rename(socket: Socket, name: str) -> bool:
    if not await socket.emit_with_ack(FromServer.confirm, f"Be {name} from now on?"):
        return False
    socket.data["name"] = name
    return True


@io.event(FromClient.move)
def move(socket: Socket, x: float, y: float) -> None:
    socket.broadcast.emit(FromServer.moved, socket.id, Position(x, y))


if __name__ == "__main__":
    io.run(port=3000)
