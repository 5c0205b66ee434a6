"""Events that the server emits: to one socket, to rooms, and with acknowledgements."""

from __future__ import annotations

import asyncio
import time

import pytest

from antiphon import (
    AckTimeout,
    ConfigurationError,
    EncodeError,
    ReservedEventError,
    Server,
    Socket,
    SocketDisconnected,
)
from peers import Endpoint, SocketPeer, eventually
from server_helpers import ask, in_sync, of, several

RESERVED = ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")


# Emitting


async def test_all_that_json_knows_can_be_emitted(server: Endpoint, io: Server) -> None:
    values = [None, True, 1, -1.5, "é\u2028\U0001d11e", [1, [2]], {"a": {"b": []}}, (), float("nan")]
    async with server.socket() as peer:
        server.running.call(lambda: of(io, peer).emit("values", *values))
        assert await peer.receive_event() == ["values", *values[:-2], [], None]


async def test_emit_with_several_attachments_is_one_message(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        server.running.call(lambda: of(io, peer).emit("files", b"\x01", {"deep": [bytearray(b"\x02")]}))
        assert await peer.receive() == (
            '52-["files",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]'
        )
        assert (await peer.receive(), await peer.receive()) == (b"\x01", b"\x02")


async def test_send_is_a_message_event(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        server.running.call(lambda: (of(io, peer).send("one"), io.send("all")))
        assert await peer.receive_event() == ["message", "one"]
        assert await peer.receive_event() == ["message", "all"]


async def test_emit_may_be_awaited_until_the_transport_has_the_data(server: Endpoint, io: Server) -> None:
    async def emit(socket: Socket) -> None:
        for number in range(20):
            await socket.emit("data", number, "x" * 100_000)

    async with server.socket() as peer:
        emitting = asyncio.get_running_loop().run_in_executor(None, lambda: server.running.run(emit(of(io, peer))))
        assert [(await peer.receive_event())[1] for _ in range(20)] == list(range(20))
        await emitting


async def test_to_await_a_broadcast_is_not_to_wait_for_what_is_sent_after_it(server: Endpoint, io: Server) -> None:
    async def emit() -> int:
        noise = 0

        async def go_on() -> None:
            nonlocal noise
            while True:
                io.emit("noise", noise)
                noise += 1
                await asyncio.sleep(0)

        going_on = asyncio.create_task(go_on())
        await asyncio.sleep(0)
        await io.emit("news")
        going_on.cancel()
        return noise

    async with several(server, 5) as peers:
        noise = await ask(server, emit())
        for peer in peers:
            events = [await peer.receive_event() for _ in range(noise + 1)]
            assert [event for event in events if event[0] == "noise"] == [["noise", number] for number in range(noise)]
            assert ["news"] in events


async def test_a_session_drains_when_nothing_is_left_of_what_was_sent_meanwhile_either(
    server: Endpoint, io: Server
) -> None:
    polling = await server.open_polling()
    await polling.send("40")
    await polling.receive()
    (socket,) = io.sockets.sockets.values()
    told: list[str] = []

    async def emit() -> None:
        await socket.emit("first")
        # By now there is something unsent again, when those go on that wait for the session to drain.
        told.append("second")
        socket.emit("second")

    socket.conn.on("drain", lambda: told.append("drain"))
    emitting = asyncio.run_coroutine_threadsafe(emit(), server.running.loop)
    # Both wait before anything is taken: who awaits the event, and then what tells of the drain.
    await eventually(lambda: len(socket.conn.transport._waiters) == 2)
    assert await polling.receive() == ['42["first"]']
    await asyncio.wrap_future(emitting)
    assert told == ["second"]
    assert await polling.receive() == ['42["second"]']
    await eventually(lambda: told == ["second", "drain"])


async def test_emit_from_another_thread_keeps_its_order(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        socket = of(io, peer)

        def emit() -> None:
            for number in range(50):
                socket.emit("n", number)
                io.emit("all", number)

        await asyncio.to_thread(emit)
        events = [await peer.receive_event() for _ in range(100)]
    assert events == [event for number in range(50) for event in (["n", number], ["all", number])]


@pytest.mark.parametrize("name", RESERVED)
async def test_reserved_names_cannot_be_emitted(server: Endpoint, io: Server, name: str) -> None:
    async with server.socket() as peer:
        for emit in (of(io, peer).emit, io.emit, io.to("x").emit, of(io, peer).broadcast.emit):
            with pytest.raises(ReservedEventError, match=f'"{name}" is a reserved event name'):
                server.running.call(lambda emit=emit: emit(name))


async def test_the_name_of_an_event_is_a_string(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        with pytest.raises(ConfigurationError, match="must be a string"):
            server.running.call(lambda: of(io, peer).emit(7))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "object is unknown to JSON"),
        ({1, 2}, "set is unknown to JSON"),
        (print, "a function is not data; for an answer use emit_with_ack"),
        (1j, "complex is unknown to JSON"),
    ],
)
async def test_what_cannot_be_sent_is_an_error_that_helps(
    server: Endpoint, io: Server, value: object, message: str
) -> None:
    async with server.socket() as peer:
        for emit in (of(io, peer).emit, io.emit):
            with pytest.raises(EncodeError, match=message):
                server.running.call(lambda emit=emit: emit("x", b"\x01", value))
        server.running.call(lambda: of(io, peer).emit("still works", b"\x02"))
        assert (await peer.receive()).startswith('51-["still works"')
        assert await peer.receive() == b"\x02"


async def test_emitting_after_the_end_does_nothing(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        socket = of(io, peer)
    await eventually(lambda: socket.disconnected)

    async def emit() -> None:
        await socket.emit("late")
        await io.emit("late")
        socket.join("room")

    await asyncio.to_thread(lambda: server.running.run(emit()))
    assert socket.rooms == frozenset()


# Acknowledgements of what the server emits


async def test_emit_with_ack_returns_the_first_argument_of_the_answer(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        for answer, value in (('["yes","more"]', "yes"), ("[]", None), ("[0]", 0), ("[[1,2]]", [1, 2])):
            asking = asyncio.create_task(ask(server, of(io, peer).emit_with_ack("ask", 1)))
            packet = await peer.receive()
            assert packet.startswith("2")
            assert packet.endswith('["ask",1]')
            ack_id = packet[1:].partition("[")[0]
            await peer.send(f"3{ack_id}{answer}")
            assert await asking == value


async def test_an_answer_may_be_binary(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        asking = asyncio.create_task(ask(server, of(io, peer).emit_with_ack("ask")))
        ack_id = (await peer.receive())[1:].partition("[")[0]
        await peer.send(f'61-{ack_id}[{{"_placeholder":true,"num":0}}]', b"\x01\x02")
        assert await asking == b"\x01\x02"


async def test_an_answer_may_go_to_a_callback(server: Endpoint, io: Server) -> None:
    answers: list[tuple[object, ...]] = []
    async with server.socket() as peer:
        socket = of(io, peer)
        server.running.call(lambda: socket.emit("ask", ack=lambda *answer: answers.append(answer)))
        server.running.call(lambda: socket.timeout(5).emit("ask", ack=lambda *answer: answers.append(answer)))
        for _ in range(2):
            ack_id = (await peer.receive())[1:].partition("[")[0]
            await peer.send(f'3{ack_id}["yes",2]', f'3{ack_id}["again"]')
        await in_sync(peer)
    assert answers == [("yes", 2), (None, "yes", 2)]


async def test_no_answer_in_time_is_an_ack_timeout(server: Endpoint, io: Server) -> None:
    errors: list[object] = []
    async with server.socket() as peer:
        socket = of(io, peer)
        began = time.monotonic()
        with pytest.raises(AckTimeout, match="operation has timed out"):
            await ask(server, socket.timeout(0.1).emit_with_ack("ask"))
        assert 0.09 <= time.monotonic() - began < 5
        server.running.call(lambda: socket.timeout(0.05).emit("ask", ack=lambda error, *_: errors.append(error)))
        await eventually(lambda: errors)
        assert isinstance(errors[0], AckTimeout)
        # An answer that is late is ignored.
        for _ in range(2):
            ack_id = (await peer.receive())[1:].partition("[")[0]
            await peer.send(f'3{ack_id}["late"]')
        await in_sync(peer)
    assert len(errors) == 1


async def test_a_client_that_leaves_answers_no_more(server: Endpoint, io: Server) -> None:
    errors: list[object] = []
    async with server.socket() as peer:
        socket = of(io, peer)
        asking = asyncio.create_task(ask(server, socket.emit_with_ack("ask")))
        await peer.receive()
        server.running.call(lambda: socket.timeout(60).emit("ask", ack=errors.append))
    with pytest.raises(SocketDisconnected, match="socket has been disconnected"):
        await asking
    assert isinstance(errors[0], SocketDisconnected)
    with pytest.raises(SocketDisconnected):
        await ask(server, socket.emit_with_ack("ask"))


# Rooms and broadcasts


async def test_a_socket_is_in_the_room_of_its_own_id(server: Endpoint, io: Server) -> None:
    async with several(server, 2) as (first, second):
        assert of(io, first).rooms == {first.sid}
        server.running.call(lambda: io.to(first.sid).emit("hello"))
        assert await first.receive_event() == ["hello"]
        await in_sync(second)


async def test_rooms_are_joined_and_left(server: Endpoint, io: Server) -> None:
    async with server.socket() as peer:
        socket = of(io, peer)
        server.running.call(lambda: (socket.join("a"), socket.join(["b", "c"]), socket.leave("b"), socket.leave("z")))
        assert socket.rooms == {peer.sid, "a", "c"}
        server.running.call(lambda: (io.to("b").emit("no"), io.to("c").emit("yes")))
        assert await peer.receive_event() == ["yes"]


async def test_broadcasts_select_by_rooms_and_each_client_gets_them_once(server: Endpoint, io: Server) -> None:
    async with several(server, 3) as (one, two, three):
        sockets = [of(io, peer) for peer in (one, two, three)]

        def emit() -> None:
            sockets[0].join(["a", "b"])
            sockets[1].join("b")
            io.emit("all")
            io.to("a").to("b").emit("a or b")
            io.in_(["a", "b"]).emit("list")
            io.to("a", "b").emit("several")
            io.except_("a").emit("not a")
            io.to("b").except_("a").emit("b not a")
            io.except_("a").to("b").emit("not a but b")
            io.to([]).emit("no rooms are everyone")
            io.to("nobody").emit("never")
            sockets[0].to("b").emit("b but not the sender")
            sockets[0].in_("b").emit("in is to")
            sockets[0].broadcast.emit("not the sender")
            sockets[2].except_("a").emit("neither sender nor a")
            sockets[0].emit("one")

        server.running.call(emit)
        await in_sync_after(one, "all", "a or b", "list", "several", "no rooms are everyone", "one")
        await in_sync_after(
            two,
            "all",
            "a or b",
            "list",
            "several",
            "not a",
            "b not a",
            "not a but b",
            "no rooms are everyone",
            "b but not the sender",
            "in is to",
            "not the sender",
            "neither sender nor a",
        )
        await in_sync_after(three, "all", "not a", "no rooms are everyone", "not the sender")


async def in_sync_after(peer: SocketPeer, *events: str) -> None:
    """Receive exactly these events."""
    assert [(await peer.receive_event())[0] for _ in events] == list(events)
    await in_sync(peer)


async def test_a_selection_never_changes(server: Endpoint, io: Server) -> None:
    async with several(server, 2) as (first, second):
        base = io.to(first.sid)
        base.to(second.sid)
        base.except_(first.sid)
        server.running.call(lambda: base.emit("hello"))
        assert await first.receive_event() == ["hello"]
        await in_sync(second)


async def test_a_broadcast_reaches_both_transports(server: Endpoint, io: Server) -> None:
    polling = await server.open_polling()
    await polling.send("40")
    await polling.receive()
    async with server.socket() as peer:
        server.running.call(lambda: io.emit("data", b"\x01\x02"))
        assert await polling.receive() == ['451-["data",{"_placeholder":true,"num":0}]', "bAQI="]
        assert await peer.receive() == '51-["data",{"_placeholder":true,"num":0}]'
        assert await peer.receive() == b"\x01\x02"


async def test_a_broadcast_may_be_awaited(server: Endpoint, io: Server) -> None:
    async def emit() -> None:
        await io.emit("hello")

    async with several(server, 3) as peers:
        await ask(server, emit())
        for peer in peers:
            assert await peer.receive_event() == ["hello"]
