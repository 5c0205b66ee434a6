"""What type checkers find. The test checks that they do."""

from main import FromClient, FromServer, io

from antiphon import Socket


@io.event(FromClient.rename)
def rename(socket: Socket, name: int) -> bool:
    return True


async def ask(socket: Socket) -> str:
    return await socket.emit_with_ack(FromServer.confirm, "Sure?")
