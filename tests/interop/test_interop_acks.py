"""Acknowledgements between the official client and our server, both ways."""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Ack, AckTimeout, SocketDisconnected
from interop_driver import until

VALUES = {
    "nothing": [],
    "null": [None],
    "text": ["text"],
    "several": [1, "two", None, {"three": 3}],
    "list": [[1, 2]],
    "binary": [b"binary"],
    "nested binary": [{"a": [b"one", {"b": b"two"}]}, b"three"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_the_server_acknowledges_with_what_a_handler_returns(stage, connect, kind):
    @stage.io.event("ask")
    async def ask(socket, *args):
        return args

    values = VALUES[kind]
    assert connect(stage).call("ask", *values) == values


def test_the_server_acknowledges_from_every_kind_of_handler(stage, connect):
    @stage.io.event("plain")
    def plain(socket):
        return "plain"

    @stage.io.event("async")
    async def later(socket):
        await asyncio.sleep(0)
        return "async"

    @stage.io.event("thread", thread=True)
    def thread(socket):
        return "thread"

    @stage.io.event("by hand")
    def by_hand(socket, value, ack: Ack):
        ack("by hand", value, b"binary")
        ack("ignored")

    @stage.io.event("nothing")
    def nothing(socket):
        pass

    client = connect(stage)
    assert client.call("plain") == ["plain"]
    assert client.call("async") == ["async"]
    assert client.call("thread") == ["thread"]
    assert client.call("by hand", 1) == ["by hand", 1, b"binary"]
    assert client.call("nothing") == []
    assert client.seen.count("ack") == 5


@pytest.mark.parametrize("kind", VALUES)
def test_the_client_acknowledges(stage, connect, kind):
    values = VALUES[kind]
    client = connect(stage, answers={"ask": "echo"})
    socket = stage.socket(client)
    answers = []
    stage.running.call(lambda: socket.emit("ask", *values, ack=lambda *answer: answers.append(list(answer))))
    until(lambda: answers)
    assert answers == [values]

    first = values[0] if values else None
    assert stage.running.run(socket.emit_with_ack("ask", *values)) == first
    assert stage.running.run(socket.timeout(5).emit_with_ack("ask", *values)) == first


def test_many_acknowledgements_find_their_calls(stage, connect):
    @stage.io.event("double")
    async def double(socket, number):
        await asyncio.sleep(0)
        return number * 2

    client = connect(stage, answers={"echo": "echo"})
    calls = [(number, client.start_call("double", number)) for number in range(200)]
    for number, call in calls:
        assert client.expect("ack", ack=call)["args"] == [number * 2]

    socket = stage.socket(client)

    async def ask() -> list[object]:
        return await asyncio.gather(*(socket.emit_with_ack("echo", number) for number in range(200)))

    assert stage.running.run(ask()) == list(range(200))


def test_the_server_gives_up_waiting_and_ignores_a_late_answer(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)
    errors = []
    with pytest.raises(AckTimeout):
        stage.running.run(socket.timeout(0.02).emit_with_ack("ask"))
    call = client.expect("event", event="ask")["call"]
    stage.running.call(
        lambda: socket.timeout(0.02).emit("again", ack=lambda error, *args: errors.append((error, args)))
    )
    until(lambda: errors)
    assert isinstance(errors[0][0], AckTimeout)
    client.answer(call, "late")
    client.answer(client.expect("event", event="again")["call"], "late too")

    @stage.io.event("still there")
    def still_there(socket):
        return True

    assert client.call("still there") == [True]
    assert len(errors) == 1


def test_the_client_gives_up_waiting(stage, connect):
    @stage.io.event("silent")
    def silent(socket, ack: Ack):
        stage.seen.add("asked", ack=ack)

    client = connect(stage)
    assert client.call("silent", timeout=20) == ["operation has timed out"]
    with pytest.raises(RuntimeError, match="operation has timed out"):
        client.emit_with_ack("silent", timeout=20)
    ack = stage.seen.expect("asked")["ack"]
    stage.running.call(lambda: ack("late"))
    assert client.call("nobody listens", timeout=20) == ["operation has timed out"]


def test_the_client_gets_an_answer_in_time(stage, connect):
    @stage.io.event("ask")
    def ask(socket, value):
        return value, "second"

    client = connect(stage)
    assert client.call("ask", b"x", timeout=10_000) == [None, b"x", "second"]
    assert client.emit_with_ack("ask", "y", timeout=10_000) == "y"


def test_an_event_without_a_handler_is_never_acknowledged_and_harms_nothing(stage, connect):
    client = connect(stage)
    unanswered = client.start_call("nobody listens", b"binary")

    @stage.io.event("ask")
    def ask(socket):
        return 1

    assert client.call("ask") == [1]
    assert client.seen.count("ack", ack=unanswered) == 0


def test_a_handler_that_fails_harms_neither_the_connection_nor_other_answers(stage, connect, caplog):
    failures = []

    @stage.io.exception_handler
    def failed(error, event, socket):
        failures.append((str(error), event))

    @stage.io.event("fail")
    async def fail(socket):
        raise ValueError("broken on purpose")

    @stage.io.event("ask")
    def ask(socket):
        return 1

    client = connect(stage)
    assert client.call("fail", timeout=50) == ["operation has timed out"]
    assert client.call("ask") == [1]
    assert failures == [("broken on purpose", "fail")]


def test_waiting_for_a_client_that_leaves_fails(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)
    waiting = asyncio.run_coroutine_threadsafe(socket.emit_with_ack("ask"), stage.running.loop)
    client.expect("event", event="ask")
    client.disconnect()
    with pytest.raises(SocketDisconnected):
        waiting.result(10)


def test_a_call_of_a_client_whose_connection_ends_fails(stage, connect):
    @stage.io.event("silent")
    def silent(socket, ack: Ack):
        stage.seen.add("asked")

    client = connect(stage)
    call = client.start_call("silent", timeout=10_000)
    stage.seen.expect("asked")
    client.close_manager()
    assert client.expect("ack", ack=call)["error"] == "socket has been disconnected"


def test_acknowledgements_work_in_several_namespaces_at_once(stage, connect, node):
    for name in ("/", "/a", "/b"):

        @stage.io.of(name).event("ask")
        async def ask(socket, number):
            await asyncio.sleep(0)
            return socket.nsp.name, number, b"binary"

    root = connect(stage)
    clients = {"/": root}
    for name in ("/a", "/b"):
        clients[name] = node.client(name, share=root)
        clients[name].expect_connect()
    calls = [(name, number, clients[name].start_call("ask", number)) for number in range(50) for name in clients]
    for name, number, call in calls:
        assert clients[name].expect("ack", ack=call)["args"] == [name, number, b"binary"]
