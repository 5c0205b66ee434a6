"""What goes wrong in the user's code, or in odd orders, stays where it belongs."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from antiphon import ConfigurationError, Cors, EncodeError, Server, Socket
from antiphon.server.heartbeat import Deadlines, Timer
from peers import PING, PONG, Endpoint, eventually, frame, raw_websocket
from server_helpers import ONE_WAY, Serve, ask, is_empty


async def test_an_answer_that_cannot_be_sent_reaches_the_exception_handler(server: Endpoint, io: Server) -> None:
    failures: list[tuple[str, str]] = []

    @io.exception_handler
    def failed(error: Exception, event: str, socket: Socket) -> None:
        failures.append((event, str(error)))

    @io.event("plain")
    def plain(socket: Socket) -> object:
        return {1}

    @io.event("async")
    async def asynchronous(socket: Socket) -> object:
        return {1}

    @io.event("threaded", thread=True)
    def threaded(socket: Socket) -> object:
        return {1}

    @io.event("forgotten")
    def forgotten(socket: Socket) -> object:
        return socket.emit("x")

    async with server.socket() as peer:
        for event in ("plain", "async", "threaded", "forgotten"):
            await peer.send(f'21["{event}"]')
        await eventually(lambda: len(failures) == 4)
        await peer.send("0/unknown,")
        while "Invalid namespace" not in await peer.receive():
            pass
    assert sorted(event for event, _ in failures) == ["async", "forgotten", "plain", "threaded"]
    assert all("set is unknown to JSON" in text or "awaited first" in text for _, text in failures)


async def test_what_a_thread_emits_is_what_it_had_then(server: Endpoint, io: Server) -> None:
    errors: list[Exception] = []

    @io.event("count", thread=True)
    def count(socket: Socket) -> None:
        data = {"n": 0}
        for number in range(4):
            data["n"] = number
            socket.emit("n", data, b"x")
            io.emit("n", data)
        try:
            socket.emit("bad", {1})
        except EncodeError as error:
            errors.append(error)

    async with server.socket() as peer:
        await peer.send('2["count"]')
        received = [await peer.receive() for _ in range(12)]
    assert [text for text in received if isinstance(text, str)] == [
        part.format(n=n)
        for n in range(4)
        for part in ('51-["n",{{"n":{n}}},{{"_placeholder":true,"num":0}}]', '2["n",{{"n":{n}}}]')
    ]
    assert len(errors) == 1


async def test_rooms_are_joined_and_left_in_threads(server: Endpoint, io: Server) -> None:
    @io.event("busy", thread=True)
    def busy(socket: Socket) -> bool:
        for number in range(200):
            socket.join(f"r{number % 5}", "all")
            socket.leave(f"r{number % 5}")
        return True

    async with server.socket() as peer:
        for _ in range(5):
            await peer.send('21["busy"]')
        for _ in range(5):
            assert await peer.receive() == "31[true]"
        (socket,) = io.sockets.sockets.values()
        await eventually(lambda: socket.rooms == {socket.id, "all"})


async def test_emit_with_ack_says_that_it_belongs_into_the_loop_of_the_server(server: Endpoint, io: Server) -> None:
    errors: list[str] = []

    @io.event("ask", thread=True)
    def ask_from_thread(socket: Socket) -> None:
        try:
            asyncio.run(socket.emit_with_ack("question"))
        except ConfigurationError as error:
            errors.append(str(error))

    async with server.socket() as peer:
        await peer.send('2["ask"]')
        await eventually(lambda: errors)
    assert "in the event loop of the server" in errors[0]


async def test_a_wait_that_is_cancelled_is_forgotten(server: Endpoint, io: Server) -> None:
    async with server.socket():
        (socket,) = io.sockets.sockets.values()

        async def impatient() -> int:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.emit_with_ack("question"), 0.01)
            with pytest.raises(EncodeError):
                await socket.emit_with_ack("question", {1})
            return 0 if socket._acks is None else len(socket._acks)

        assert await ask(server, impatient()) == 0


async def test_disconnecting_in_a_disconnecting_handler_changes_nothing(server: Endpoint, io: Server) -> None:
    heard: list[str] = []

    @io.event("disconnecting")
    def disconnecting(socket: Socket, reason: str) -> None:
        heard.append(f"disconnecting: {reason}")
        socket.disconnect()
        socket.disconnect(True)

    @io.event("disconnect")
    def disconnect(socket: Socket, reason: str) -> None:
        heard.append(f"disconnect: {reason}")

    async with server.socket() as peer:
        await peer.send("1")
        await eventually(lambda: len(heard) == 2)
    assert heard == ["disconnecting: client namespace disconnect", "disconnect: client namespace disconnect"]


@pytest.mark.parametrize("awaited", ["plainly", "with a timeout"])
async def test_a_handler_may_close_the_server(serve: Serve, awaited: str) -> None:
    io = Server()
    server = serve(io)
    closed = threading.Event()

    @io.event("close")
    async def close(socket: Socket) -> None:
        try:
            await (io.close() if awaited == "plainly" else asyncio.wait_for(io.close(), 10))
        finally:
            closed.set()

    async with server.socket() as peer:
        await peer.send('2["close"]')
        await eventually(closed.is_set)
        await eventually(lambda: is_empty(io))


@ONE_WAY
async def test_a_header_that_cannot_be_sent_is_left_out(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    io = Server()

    @io.engine.on("headers")
    def headers(headers: dict[str, str], request: object) -> None:
        headers["x-good"] = "yes"
        headers["x-split"] = "a\r\nInjected: yes"
        headers["x-number"] = 5  # type: ignore[assignment]

    answer = await serve(io).request()
    assert answer.status == 200
    assert answer.headers["x-good"] == "yes"
    assert not {"x-split", "injected", "x-number"} & {name.lower() for name in answer.headers}
    assert "cannot be sent" in caplog.text


@pytest.mark.parametrize("way", ["fast"])
async def test_a_header_that_cannot_be_sent_does_not_harm_a_websocket(serve: Serve) -> None:
    io = Server()

    @io.engine.on("headers")
    def headers(headers: dict[str, str], request: object) -> None:
        headers["x-split"] = "a\r\nInjected: yes"
        headers["x-number"] = 5  # type: ignore[assignment]

    async with serve(io).socket() as peer:
        await peer.send("0/unknown,")
        assert "Invalid namespace" in await peer.receive()


async def test_an_identifier_in_use_is_refused(serve: Serve) -> None:
    server = serve(Server(generate_id=lambda request: "always the same"))
    assert (await server.request()).status == 200
    assert (await server.request()).status == 400


async def test_polling_may_not_be_asked_for_by_websocket(serve: Serve) -> None:
    server = serve(Server())
    answer = await server.request(transport="polling", headers={
        "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    })  # fmt: skip
    assert answer.status == 400


def test_cors_that_would_let_everybody_in_by_mistake_is_refused() -> None:
    async def allows(origin: str) -> bool:
        return False

    for wrong in (allows, Cors(origin=["*"], credentials=True), Cors(methods="GET"), "https://*/x"):
        with pytest.raises(ConfigurationError):
            Server(cors=wrong)  # type: ignore[arg-type]


class FailingTimer(Timer):
    """A timer that raises."""

    def on_timer(self, now: float) -> None:
        raise ValueError("on purpose")


class CountingTimer(Timer):
    """A timer that counts."""

    count = 0

    def on_timer(self, now: float) -> None:
        self.count += 1


async def test_a_timer_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    deadlines = Deadlines(asyncio.get_running_loop(), 0.1)
    others = [CountingTimer() for _ in range(20)]
    for timer in (*others[:10], FailingTimer(), *others[10:]):
        deadlines.schedule(timer, deadlines.now() + 0.01)
    await eventually(lambda: all(timer.count == 1 for timer in others))
    deadlines.schedule(others[0], deadlines.now() + 0.01)
    await eventually(lambda: others[0].count == 2)
    assert "a timer failed" in caplog.text
    deadlines.close()
    assert deadlines._due == math.inf


@pytest.mark.parametrize("way", ["fast"])
async def test_pings_of_a_client_that_does_not_read_pile_up_nothing(serve: Serve) -> None:
    io = Server()
    server = serve(io)
    done: list[Socket] = []
    io.event("done")(done.append)
    async with raw_websocket(server) as peer:
        await peer.join()
        await peer.send_frame(PING, b"are you there")
        assert await peer.read_frame() == (PONG, b"are you there", False)
        (session,) = io.engine.sockets.values()
        connection = session.transport
        peer.writer.transport.pause_reading()
        # 40 MB of pongs, of which the buffers of the kernel take a few.
        for _ in range(320):
            await peer.send(frame(PING, b"x" * 125) * 1000)
        await peer.send_text('42["done"]')
        await eventually(lambda: done)
        assert server.running.call(connection._transport.get_write_buffer_size) < 1_000_000
        assert len(connection._out) < 10_000
        peer.writer.transport.resume_reading()
        await peer.send_text("40/unknown,")
        while (await peer.read_frame()).opcode != 1:
            pass
