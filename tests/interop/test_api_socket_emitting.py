"""How a socket of the server emits: acknowledgements and limits.

Source: server-api.md, "Socket".
"""

from __future__ import annotations

import asyncio

import pytest

from antiphon import AckTimeout, ConfigurationError, SocketDisconnected
from interop_driver import until


def test_send_and_write_are_message_events(stage, connect):
    client = connect(stage)
    socket = stage.socket(client)

    def act() -> None:
        socket.send("sent", b"binary")
        socket.write("written")
        socket.compress(True).send("sent in a special way")
        socket.compress(True).write("written in a special way")

    stage.running.call(act)
    assert client.expect_event("message") == ["sent", b"binary"]
    assert client.expect_event("message") == ["written"]
    assert client.expect_event("message") == ["sent in a special way"]
    assert client.expect_event("message") == ["written in a special way"]


def test_an_answer_goes_to_a_function(stage, connect):
    client = connect(stage, answers={"ask": [1, b"two", None], "nothing": []})
    socket = stage.socket(client)

    async def later(*answer):
        await asyncio.sleep(0)
        stage.seen.add("answer", of="async", args=list(answer))

    def act() -> None:
        socket.emit("ask", ack=lambda *answer: stage.seen.add("answer", of="plain", args=list(answer)))
        socket.emit("ask", ack=later)
        socket.emit("nothing", ack=lambda *answer: stage.seen.add("answer", of="nothing", args=list(answer)))
        socket.compress(True).emit("ask", ack=lambda *answer: stage.seen.add("answer", of="flags", args=list(answer)))

    stage.running.call(act)
    for of in ("plain", "async", "flags"):
        stage.seen.expect("answer", of=of, args=[1, b"two", None])
    stage.seen.expect("answer", of="nothing", args=[])


def test_with_a_limit_an_error_or_none_comes_first(stage, connect):
    client = connect(stage, answers={"ask": [1, "two"]})
    socket = stage.socket(client)

    async def later(error, *answer):
        await asyncio.sleep(0)
        stage.seen.add("answer", of="async", error=error, args=list(answer))

    def act() -> None:
        def note(of):
            return lambda error, *answer: stage.seen.add("answer", of=of, error=error, args=list(answer))

        socket.timeout(10).emit("ask", ack=note("plain"))
        socket.timeout(10).emit("ask", ack=later)
        socket.timeout(0.02).emit("silent", ack=note("silent"))
        socket.timeout(10).compress(False).emit("still silent", ack=note("left"))
        socket.emit("silent for ever", ack=note("without a limit"))

    stage.running.call(act)
    for of in ("plain", "async"):
        stage.seen.expect("answer", of=of, error=None, args=[1, "two"])
    assert isinstance(stage.seen.expect("answer", of="silent", args=[])["error"], AckTimeout)
    client.disconnect()
    assert isinstance(stage.seen.expect("answer", of="left", args=[])["error"], SocketDisconnected)
    until(lambda: socket.disconnected)
    assert stage.seen.count("answer", of="without a limit") == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_an_acknowledgement_function_raises_is_reported(stage, connect, kind):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket.id)

    def fail(*answer):
        raise ValueError("broken on purpose")

    async def fail_later(*answer):
        await asyncio.sleep(0)
        raise ValueError("broken on purpose")

    client = connect(stage, answers={"ask": []})
    socket = stage.socket(client)
    stage.running.call(lambda: socket.emit("ask", ack=fail if kind == "plain" else fail_later))
    stage.seen.expect("failed", error="broken on purpose", event="acknowledgement of ask", id=client.id)
    assert client.state()["connected"]


def test_an_answer_may_be_awaited_with_a_limit(stage, connect):
    client = connect(stage, answers={"ask": ["first", "second"]})
    socket = stage.socket(client)
    assert stage.running.run(socket.emit_with_ack("ask")) == "first"
    assert stage.running.run(socket.emit_with_ack("ask", timeout=10)) == "first"
    assert stage.running.run(socket.timeout(10).emit_with_ack("ask")) == "first"
    for coroutine in (socket.emit_with_ack("silent", timeout=0.01), socket.timeout(0.01).emit_with_ack("silent")):
        with pytest.raises(AckTimeout):
            stage.running.run(coroutine)
    client.disconnect()
    until(lambda: socket.disconnected)
    with pytest.raises(SocketDisconnected):
        stage.running.run(socket.emit_with_ack("ask"))


@pytest.mark.parametrize("seconds", [-1, "5", None, True, 5000])
def test_a_limit_is_a_number_of_seconds(stage, connect, seconds):
    socket = stage.socket(connect(stage))
    with pytest.raises(ConfigurationError, match="number of seconds"):
        socket.timeout(seconds)
