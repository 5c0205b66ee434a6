"""Tasks that live as long as a socket, or as long as the server.

Source: ours; JavaScript has timers and promises for this, which nobody cancels.
"""

from __future__ import annotations

import asyncio

import pytest

from antiphon import ConfigurationError, Server, SocketDisconnected
from interop_driver import until
from support import serving


class Work:
    """A coroutine function that runs until it is cancelled, cleans up, and tells of all that."""

    def __init__(self, stage) -> None:
        self.stage = stage

    async def __call__(self, name: str = "work") -> None:
        self.stage.seen.add("begun", name=name)
        try:
            await asyncio.Event().wait()
        finally:
            # Several turns of the loop: whoever closes the server has to wait for them.
            for _ in range(5):
                await asyncio.sleep(0)
            self.stage.seen.add("ended", name=name)


@pytest.fixture
def work(stage):
    return Work(stage)


@pytest.mark.parametrize("how", ["client", "connection", "server", "everything"])
def test_a_task_of_a_socket_is_cancelled_when_the_socket_ends(stage, connect, node, work, how):
    stage.io.of("/a").on("connection", lambda socket: socket.start_task(work("of the socket")))
    root = connect(stage)
    a, other = node.client("/a", share=root), connect(stage, "/a")
    a.expect_connect()
    stage.seen.expect("begun")
    stage.seen.expect("begun")
    if how == "client":
        a.disconnect()
    elif how == "connection":
        root.close_manager()
    elif how == "server":
        stage.running.call(stage.socket(a, "/a").disconnect)
    else:
        stage.running.call(lambda: stage.socket(a, "/a").disconnect(True))
    stage.seen.expect("ended")
    assert other.state()["connected"]
    assert stage.seen.count("ended") == 1
    other.disconnect()
    stage.seen.expect("ended")
    until(lambda: not stage.io._tasks)


def test_a_task_may_be_waited_for_and_has_a_name(stage, connect):
    @stage.io.event("ask")
    async def ask(socket, value):
        async def double() -> int:
            await asyncio.sleep(0)
            return value * 2

        task = socket.start_task(double(), name="doubling")
        return task.get_name(), await task, await stage.io.start_task(double())

    client = connect(stage)
    assert client.call("ask", 21) == ["doubling", 42, 42]
    until(lambda: not stage.io._tasks)


def test_what_a_task_raises_is_reported(stage, connect, caplog):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket and socket.id)

    async def fail(text: str) -> None:
        await asyncio.sleep(0)
        raise ValueError(text)

    client = connect(stage)
    socket = stage.socket(client)

    def act() -> None:
        socket.start_task(fail("of the socket"), name="mine")
        stage.io.start_task(fail("of the server"), name="yours")

    stage.running.call(act)
    stage.seen.expect("failed", error="of the socket", event="task mine", id=client.id)
    stage.seen.expect("failed", error="of the server", event="task yours", id=None)
    assert "of the socket" in caplog.text
    assert "of the server" in caplog.text
    assert client.state()["connected"]


def test_a_task_that_is_cancelled_is_no_failure(stage, connect, work):
    stage.io.exception_handler(lambda error, event, socket: stage.seen.add("failed"))
    socket = stage.socket(connect(stage))
    task = stage.running.call(lambda: socket.start_task(work()))
    stage.seen.expect("begun")
    stage.running.call(task.cancel)
    stage.seen.expect("ended")
    until(task.done)
    assert stage.seen.count("failed") == 0


def test_a_task_may_disconnect_its_own_socket_and_go_on(stage, connect):
    @stage.io.event("go")
    def go(socket):
        async def act() -> None:
            socket.disconnect()
            await asyncio.sleep(0)
            stage.seen.add("went on")

        socket.start_task(act())

    client = connect(stage)
    client.emit("go")
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    stage.seen.expect("went on")


def test_a_socket_that_has_ended_starts_no_task(stage, connect, recwarn, work):
    for event in ("disconnecting", "disconnect"):

        @stage.io.event(event)
        def ended(socket, reason, description, event=event):
            with pytest.raises(SocketDisconnected):
                socket.start_task(work())
            stage.seen.add(event)

    client = connect(stage)
    socket = stage.socket(client)
    client.disconnect()
    stage.seen.expect("disconnecting")
    stage.seen.expect("disconnect")

    def late() -> None:
        with pytest.raises(SocketDisconnected):
            socket.start_task(work())

    stage.running.call(late)
    assert stage.seen.count("begun") == 0
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


def test_a_task_of_the_server_outlives_its_socket(stage, connect, work):
    stage.io.event("go")(lambda socket: stage.io.start_task(work("of the server")) and None)
    client = connect(stage)
    assert client.call("go") == []
    stage.seen.expect("begun")
    client.disconnect()
    until(lambda: not stage.io.sockets.sockets)
    assert connect(stage).state()["connected"]
    assert stage.seen.count("ended") == 0
    (task,) = stage.io._tasks
    stage.running.call(task.cancel)
    stage.seen.expect("ended")


def test_closing_the_server_waits_for_what_tasks_and_handlers_have_to_clean_up(serve, connect):
    stage = serve()
    work = Work(stage)

    @stage.io.event("go")
    async def go(socket):
        socket.start_task(work("of the socket"))
        stage.io.start_task(work("of the server"))
        await work("handler")

    @stage.io.event("disconnect")
    async def disconnect(socket, reason):
        for _ in range(5):
            await asyncio.sleep(0)
        stage.seen.add("ended", name=reason)

    client = connect(stage)
    client.emit("go")
    for name in ("of the socket", "of the server", "handler"):
        stage.seen.expect("begun", name=name)
    stage.running.run(stage.io.close())
    ended = {report["name"] for report in stage.seen.all if report["report"] == "ended"}
    assert ended == {"of the socket", "of the server", "handler", "server shutting down"}
    assert not stage.io._tasks


def test_a_handler_may_close_the_server_and_go_on(serve, connect):
    stage = serve()

    @stage.io.event("stop")
    async def stop(socket):
        await stage.io.close()
        stage.seen.add("went on")

    client = connect(stage)
    client.emit("stop")
    stage.seen.expect("went on")
    client.expect("disconnect")
    assert not stage.io.engine.sockets


@pytest.mark.parametrize("what", [None, "work", lambda: None])
def test_what_is_no_coroutine_is_no_task(stage, connect, what):
    socket = stage.socket(connect(stage))

    def act() -> None:
        for start_task in (stage.io.start_task, socket.start_task):
            with pytest.raises(ConfigurationError, match="made of a coroutine"):
                start_task(what)

    stage.running.call(act)


def test_without_an_event_loop_there_is_a_hint_at_background_tasks(recwarn):
    async def work() -> None: ...

    with pytest.raises(ConfigurationError, match=r"@io\.background_task"):
        Server().start_task(work())
    assert not recwarn.list


# Background tasks


def test_a_background_task_runs_as_long_as_the_server(serve, connect):
    io = Server()
    told = []

    @io.background_task
    async def ticking() -> None:
        told.append("begun")
        try:
            while True:
                io.emit("tick")
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0)
            told.append("ended")

    assert told == []
    stage = serve(io)
    connect(stage).expect_event("tick")
    connect(stage).expect_event("tick")
    assert told == ["begun"]
    stage.running.run(io.close())
    assert told == ["begun", "ended"]


@pytest.mark.parametrize("thread", ["its own", "another"])
def test_a_background_task_may_be_added_to_a_server_that_runs(stage, connect, thread):
    connect(stage)
    task = []

    async def late() -> None:
        task.append(asyncio.current_task())
        await asyncio.Event().wait()

    if thread == "its own":
        assert stage.running.call(lambda: stage.io.background_task(late)) is late
    else:
        assert stage.io.background_task(late) is late
    stage.io._background.remove(late)
    until(lambda: task, 5)
    assert task[0].get_name() == "late"
    stage.running.call(task[0].cancel)
    until(lambda: not stage.io._tasks)


def test_a_background_task_is_begun_anew_with_the_server(way, node):
    io = Server()
    told = []

    @io.background_task
    async def work() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    for times in (1, 2):
        with serving(io, way) as running:
            client = node.client(running.url, transports=["websocket"])
            client.expect_connect()
            assert told == [*["begun", "ended"] * (times - 1), "begun"]
        assert told == ["begun", "ended"] * times


def test_what_a_background_task_raises_is_reported(serve, connect):
    io = Server()
    failures = []
    io.exception_handler(lambda error, event, socket: failures.append((str(error), event, socket)))

    @io.background_task
    async def failing() -> None:
        raise ValueError("broken on purpose")

    client = connect(serve(io))
    until(lambda: failures)
    assert failures == [("broken on purpose", "task failing", None)]
    assert client.state()["connected"]


async def one_argument(socket) -> None: ...


@pytest.mark.parametrize("function", [None, "work", lambda: None, one_argument])
def test_what_cannot_be_a_background_task_is_refused(function):
    io = Server()
    with pytest.raises(ConfigurationError, match="async function without arguments"):
        io.background_task(function)
    assert not io._background
