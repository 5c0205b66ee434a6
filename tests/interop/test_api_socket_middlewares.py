"""Middlewares of a socket: what they see of each event, change and keep back.

Source: server-api.md, "socket.use(fn)"; socket-middlewares in server-socket-instance.md.
"""

from __future__ import annotations

import asyncio

import pytest

from antiphon import ConfigurationError
from interop_driver import until


@pytest.fixture
def told(stage):
    """What was told to the handlers of this test, in order."""
    return []


@pytest.fixture
def joined(stage, connect):
    """A client, and its socket; the client may ask for "end" to be sure that all before it has arrived."""
    stage.io.event("end")(lambda socket: "end")
    client = connect(stage, answers={"ask": ["answer"]})
    return client, stage.socket(client)


def test_middlewares_see_events_one_after_the_other_before_the_handlers(joined, told):
    client, socket = joined

    @socket.use
    def first(event):
        told.append(("first", *event))
        return "what it returns does not matter"

    async def second(event):
        await asyncio.sleep(0)
        told.append(("second", *event))

    assert socket.use(second) is second
    socket.use(lambda event: told.append(("third", *event)))
    socket.on_any(lambda *event: told.append(("any", *event)))
    socket.on("news", lambda *args: told.append(("handler", *args)))
    client.emit("news", 1, b"binary")
    assert client.call("end") == ["end"]
    news = ("news", 1, b"binary")
    assert told[:5] == [
        ("any", *news),
        ("first", *news),
        ("second", *news),
        ("third", *news),
        ("handler", 1, b"binary"),
    ]
    assert told[5:] == [(name, "end") for name in ("any", "first", "second", "third")]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_rejected_event_is_told_to_error_handlers_and_to_nobody_else(stage, joined, told, kind):
    client, socket = joined

    def check(event):
        if event[0] == "forbidden":
            raise ValueError("unauthorized event")

    async def check_later(event):
        await asyncio.sleep(0)
        check(event)

    socket.use(check if kind == "plain" else check_later)
    socket.use(lambda event: told.append(("next", event[0])))
    socket.on_any(lambda event, *args: told.append(("any", event)))
    socket.on("error", lambda error: told.append(("error", str(error))))
    stage.io.event("error")(lambda socket, error: told.append(("error of all", str(error))))
    socket.on("forbidden", lambda *args: told.append(("handler",)))
    stage.io.event("*")(lambda socket, event, *args: told.append(("handler of all",)))
    call = client.start_call("forbidden", 1)
    assert client.call("end") == ["end"]
    assert told == [
        ("any", "forbidden"),
        *[("error of all", "unauthorized event"), ("error", "unauthorized event")],
        *[("any", "end"), ("next", "end")],
    ]
    assert client.seen.count("ack", ack=call) == 0
    assert client.seen.events() == []
    assert client.state()["connected"]


def test_a_rejected_event_harms_nobody_when_nobody_listens_for_errors(joined):
    client, socket = joined

    @socket.use
    def check(event):
        if event[0] != "end":
            raise ValueError("unauthorized event")

    client.emit("forbidden")
    assert client.call("end") == ["end"]


def test_an_error_handler_may_disconnect_the_client(stage, joined):
    client, socket = joined
    socket.on("disconnect", lambda reason: stage.seen.add("disconnect", reason=reason))

    @socket.use
    def check(event):
        raise ValueError("unauthorized event")

    @socket.on("error")
    async def disconnect(error):
        await asyncio.sleep(0)
        socket.disconnect()

    client.emit("forbidden")
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    stage.seen.expect("disconnect", reason="server namespace disconnect")


def test_a_client_cannot_pretend_an_error(joined, told):
    client, socket = joined
    socket.use(lambda event: told.append(event[0]))
    socket.on("error", lambda error: told.append(("handler", error)))
    # As with the official server, "error" is no reserved name: it reaches the handlers, and the middlewares before.
    client.emit("error", "made up")
    client.call("end")
    assert told == ["error", ("handler", "made up"), "end"]


def test_a_middleware_may_change_the_event(joined, told):
    client, socket = joined

    @socket.use
    def rename(event):
        if event[0] == "old":
            event[0] = "new"

    @socket.use
    async def change(event):
        await asyncio.sleep(0)
        if event[0] == "new":
            event[1] = event[1].upper()
            event.append("added")

    socket.on("old", lambda *args: told.append("under its old name"))
    socket.on("new", lambda *args: args)
    assert client.call("old", "text", b"binary") == ["TEXT", b"binary", "added"]
    assert client.call("end") == ["end"]
    assert told == []


def test_an_async_middleware_keeps_the_order_of_events(stage, joined, told):
    client, socket = joined
    doors = stage.running.call(lambda: [asyncio.Event() for _ in range(3)])

    @socket.use
    async def wait(event):
        if event[0] == "news" and event[1] % 10 == 0:
            stage.seen.add("waits", number=event[1])
            await doors[event[1] // 10].wait()

    socket.on("news", told.append)
    for number in range(30):
        client.emit("news", number)
    call = client.start_call("end")
    for number in (0, 10, 20):
        stage.seen.expect("waits", number=number)
        assert told == list(range(number))
        assert client.seen.count("ack", ack=call) == 0
        stage.running.call(doors[number // 10].set)
    client.expect("ack", ack=call)
    assert told == list(range(30))


def test_a_slow_middleware_holds_up_its_own_socket_only(stage, connect, node, joined):
    client, socket = joined
    stage.io.of("/a").event("ask")(lambda socket: "answer")
    a = node.client("/a", share=client)
    a.expect_connect()
    door = stage.running.call(asyncio.Event)

    @socket.use
    async def wait(event):
        stage.seen.add("waits")
        await door.wait()

    call = client.start_call("end")
    stage.seen.expect("waits")
    assert a.call("ask") == ["answer"]
    assert connect(stage).call("end") == ["end"]
    assert client.seen.count("ack", ack=call) == 0
    stage.running.call(door.set)
    assert client.expect("ack", ack=call)["args"] == ["end"]


def test_middlewares_do_not_see_acknowledgements_nor_what_is_sent(stage, joined, told):
    client, socket = joined
    socket.use(lambda event: told.append(event[0]))
    assert stage.running.run(socket.emit_with_ack("ask")) == "answer"
    client.call("end")
    client.disconnect()
    until(lambda: socket.disconnected)
    assert told == ["end"]


def test_an_event_whose_client_has_left_meanwhile_is_dropped(stage, joined, told):
    client, socket = joined
    door = stage.running.call(asyncio.Event)

    @socket.use
    async def wait(event):
        stage.seen.add("waits")
        await door.wait()
        stage.seen.add("goes on")

    socket.on("news", told.append)
    socket.on("disconnect", lambda: stage.seen.add("disconnect"))
    client.emit("news", 1)
    client.emit("news", 2)
    stage.seen.expect("waits")
    client.disconnect()
    stage.seen.expect("disconnect")
    stage.running.call(door.set)
    stage.seen.expect("goes on")
    until(lambda: not stage.io._tasks)
    assert told == []
    assert stage.seen.count("waits") == 1


def test_middlewares_registered_when_connecting_see_the_first_event(stage, connect, told):
    @stage.io.on("connection")
    def connection(socket):
        socket.use(lambda event: told.append(event[0]))
        socket.emit("go on")

    stage.io.event("news")(lambda socket: "seen")
    client = connect(stage)
    assert client.call("news") == ["seen"]
    assert told == ["news"]


def test_each_socket_has_its_own_middlewares(stage, connect, joined, told):
    _, socket = joined
    socket.use(lambda event: told.append(event[0]))
    assert connect(stage).call("end") == ["end"]
    assert told == []


@pytest.mark.parametrize("middleware", [lambda: None, lambda event, proceed: proceed(), "check"])
def test_what_cannot_be_a_middleware_is_refused(joined, middleware):
    _, socket = joined
    with pytest.raises(ConfigurationError, match="the event as a list"):
        socket.use(middleware)
