"""Every way to emit. The page ``docs/emit-cheatsheet.md`` shows the bodies of these functions."""

import asyncio

from antiphon import AckTimeout, Server, Socket, SocketDisconnected

io = Server()
io.of("/admin")


async def to_one_client(socket: Socket) -> None:
    socket.emit("hello", 1, "2", {"3": "4", "5": b"\x06"})
    socket.send("hello")  # the event "message"

    # Wait until the transport has taken it.
    await socket.emit("hello")

    # Drop it if it would have to wait.
    socket.volatile.emit("hello")

    # Do not spend time on compressing it.
    socket.compress(False).emit("hello")


async def with_an_answer(socket: Socket) -> None:
    # Wait for the answer as long as the client stays.
    answer = await socket.emit_with_ack("question", "ready?")

    # Wait five seconds. The two lines are the same.
    answer = await socket.emit_with_ack("question", "ready?", timeout=5)
    answer = await socket.timeout(5).emit_with_ack("question", "ready?")

    try:
        answer = await socket.emit_with_ack("question", "ready?", timeout=5)
    except AckTimeout:
        answer = "no answer in time"
    except SocketDisconnected:
        answer = "the client left"
    print(answer)


def answered(*answer: object) -> None:
    print("answered:", answer)


def answered_or_not(error: Exception | None, *answer: object) -> None:
    print("error:", error, "answer:", answer)


def with_a_function(socket: Socket) -> None:
    # Called with the answer, if one comes.
    socket.emit("question", "ready?", ack=answered)

    # After timeout() called in any case: with the error, or None, first.
    socket.timeout(5).emit("question", "ready?", ack=answered_or_not)


def to_many(socket: Socket) -> None:
    # Everyone.
    io.emit("hello")

    # Everyone but this client.
    socket.broadcast.emit("hello")

    # Everyone in a room; everyone in it but this client.
    io.to("room1").emit("hello")
    socket.to("room1").emit("hello")

    # Everyone in one of several rooms. The lines are the same; who is in two of them gets it once.
    io.to("room1").to("room2").emit("hello")
    io.to("room1", "room2").emit("hello")
    io.to(["room1", "room2"]).emit("hello")

    # Everyone who is not in a room.
    io.except_("room1").emit("hello")

    # One client, by its id: the id of a socket is a room that only it is in.
    io.to(socket.id).emit("hello")

    # Everyone in a namespace.
    io.of("/admin").emit("hello")

    # Only who is connected to this server, not to the others of a cluster.
    io.local.emit("hello")

    # All but those whose connection is busy.
    io.volatile.emit("position", 1, 2)

    # A selection never changes: keep one, and use it as often as you like.
    team = io.to("room1").except_("muted")
    team.emit("hello")
    team.emit("goodbye")


async def to_many_with_answers(socket: Socket) -> None:
    # The first argument of each answer, in the order in which they came.
    responses = await io.to("room1").emit_with_ack("question", "ready?", timeout=5)
    for answer in responses:
        print(answer)

    # Who answered what, and who left before.
    print(responses.by_id, responses.missing)

    # Without a timeout it is the server's ack_timeout, 10 seconds.
    await socket.broadcast.emit_with_ack("question", "ready?")

    try:
        await io.emit_with_ack("question", "ready?", timeout=0.1)
    except AckTimeout as error:
        print("in time:", error.responses, "missing:", error.missing)


def to_other_servers() -> None:
    io.server_side_emit("reload", "settings")


def from_another_thread(socket: Socket) -> None:
    # emit, join, leave and disconnect may be called in any thread.
    socket.emit("progress", 50)
    io.emit("progress", 50)


def answers_in_another_thread(socket: Socket, loop: asyncio.AbstractEventLoop) -> object:
    # emit_with_ack belongs into the event loop of the server: have it run there.
    question = socket.emit_with_ack("question", "ready?", timeout=5)
    return asyncio.run_coroutine_threadsafe(question, loop).result()


if __name__ == "__main__":
    io.run(port=3000)
