"""What a socket of the server listens to: events, everything that arrives, everything that is sent, middlewares.

Source: server-api.md, "Socket".
"""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Ack, ConnectionRefused
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


# Handlers


def test_handlers_are_called_in_the_order_of_their_registration(joined, told):
    client, socket = joined

    @socket.on("news")
    def first(*args):
        told.append(("first", *args))

    async def second(*args):
        told.append(("second", *args))

    assert socket.on("news", second) is second
    socket.on("news", lambda title: told.append(("third", title)))
    socket.on("news", lambda title, body, missing=None: told.append(("fourth", title, body, missing)))
    client.emit("news", "title", b"body")
    assert client.call("end") == ["end"]
    until(lambda: len(told) == 4)
    assert told == [
        ("first", "title", b"body"),
        ("second", "title", b"body"),
        ("third", "title"),
        ("fourth", "title", b"body", None),
    ]


def test_an_async_catch_all_listener_begins_before_the_handlers(joined, told):
    client, socket = joined

    @socket.on_any
    async def log(event, *args):
        told.append(("any", event, *args))

    socket.on("news", lambda title: told.append(("news", title)))
    client.emit("news", 1)
    client.emit("news", 2)
    until(lambda: len(told) == 4)
    assert told == [("any", "news", 1), ("news", 1), ("any", "news", 2), ("news", 2)]


def test_the_coroutine_that_a_plain_function_returns_is_awaited(joined, told):
    client, socket = joined

    async def work(number):
        told.append(number)
        return number + 1

    def plain(number):
        return work(number)

    socket.on("alone", plain)
    socket.on("one of two", plain)
    socket.on("one of two", told.append)
    assert client.call("alone", 1) == [2]
    assert client.call("one of two", 5) == [6]
    client.emit("alone", 7)
    until(lambda: 7 in told)


def test_each_socket_has_its_own_handlers(stage, connect, joined):
    client, socket = joined
    socket.on("who", lambda: "the first")
    other = connect(stage)
    stage.socket(other).on("who", lambda: "the second")
    assert client.call("who") == ["the first"]
    assert other.call("who") == ["the second"]


def test_a_handler_that_is_wanted_once_is_called_once(joined, told):
    client, socket = joined

    @socket.once("news")
    def once(*args):
        told.append("once")
        return "once"

    socket.on("news", lambda *args: told.append("always"))
    socket.once("again", lambda: told.append("again"))
    assert client.call("news") == ["once"]
    assert client.call("news") == []
    client.emit("again")
    client.emit("again")
    client.call("end")
    assert told == ["once", "always", "always", "again"]
    assert sorted(socket.event_names()) == ["news"]


def test_a_handler_that_is_wanted_once_is_called_once_even_if_events_come_together(joined, told):
    client, socket = joined
    socket.once("news", told.append)
    client.count("news", 20)
    client.call("end")
    until(lambda: told)
    assert told == [0]


def test_handlers_are_dropped_one_by_one_or_all_at_once(joined, told):
    client, socket = joined

    def one(*args):
        told.append("one")

    def two(*args):
        told.append("two")

    for event in ("a", "b", "c", "d"):
        socket.on(event, one)
        socket.on(event, two)
    socket.off("a", one)
    socket.remove_listener("b", two)
    socket.off("c")
    for event in ("a", "b", "c", "d"):
        client.emit(event)
    client.call("end")
    assert told == ["two", "one", "one", "two"]
    told.clear()

    socket.remove_all_listeners("d")
    socket.off("never registered")
    socket.off("a", one)
    client.emit("d")
    client.emit("a")
    client.call("end")
    assert told == ["two"]
    told.clear()

    socket.remove_all_listeners()
    client.emit("a")
    client.emit("b")
    client.call("end")
    assert told == []


def test_a_function_that_was_registered_twice_is_dropped_once_and_the_latest_first(joined, told):
    client, socket = joined

    def one(*args):
        told.append("one")

    socket.on("a", one)
    socket.on("a", lambda *args: told.append("two"))
    socket.on("a", one)
    socket.off("a", one)
    client.emit("a")
    client.call("end")
    assert told == ["one", "two"]
    socket.off("a", one)
    client.emit("a")
    client.call("end")
    assert told == ["one", "two", "two"]


def test_a_socket_tells_what_it_listens_to(joined):
    _, socket = joined

    def one(*args): ...

    def two(*args): ...

    assert socket.event_names() == []
    assert socket.listeners("a") == []
    socket.on("a", one)
    socket.once("a", two)
    socket.on("b", one)
    socket.on("disconnect", two)
    assert sorted(socket.event_names()) == ["a", "b", "disconnect"]
    assert socket.listeners("a") == [one, two]
    assert socket.listeners("b") == [one]
    socket.off("a", one)
    assert socket.listeners("a") == [two]
    socket.off("a")
    assert sorted(socket.event_names()) == ["b", "disconnect"]
    socket.off()
    assert socket.event_names() == []


def test_a_handler_may_be_dropped_or_added_by_a_handler(joined, told):
    client, socket = joined

    @socket.on("change")
    def change():
        told.append("change")
        socket.off("change", change)
        socket.on("change", lambda: told.append("added"))

    client.emit("change")
    client.emit("change")
    client.call("end")
    assert told == ["change", "added"]


@pytest.mark.parametrize("event", ["disconnecting", "disconnect"])
def test_the_end_is_told_to_every_kind_of_handler(stage, connect, event):
    @stage.io.on("connection")
    def connection(socket):
        @socket.on(event)
        async def later(reason, description):
            await asyncio.sleep(0)
            stage.seen.add("async", reason=reason)

        socket.once(event, lambda reason: stage.seen.add("once", reason=reason))
        socket.on(event, lambda: stage.seen.add("bare"))

    client = connect(stage)
    client.disconnect()
    stage.seen.expect("async", reason="client namespace disconnect")
    stage.seen.expect("once", reason="client namespace disconnect")
    stage.seen.expect("bare")


# Everything that arrives


def test_a_listener_of_everything_sees_events_before_their_handlers(joined, told):
    client, socket = joined

    @socket.on_any
    def anything(event, *args):
        told.append(("any", event, *args))

    socket.on("news", lambda *args: told.append(("handler", *args)))
    client.emit("news", 1, b"binary")
    client.emit("unknown", {"a": [b"binary"]})
    client.call("end")
    assert told == [
        ("any", "news", 1, b"binary"),
        ("handler", 1, b"binary"),
        ("any", "unknown", {"a": [b"binary"]}),
        ("any", "end"),
    ]


def test_a_listener_of_everything_may_be_async_or_take_the_acknowledgement(stage, joined):
    client, socket = joined

    @socket.on_any
    async def later(event, *args):
        await asyncio.sleep(0)
        stage.seen.add("later", event=event, args=list(args))

    @socket.on_any
    def answer(event, ack: Ack):
        if event == "nobody handles":
            ack("by a listener of everything")

    assert client.call("nobody handles", 1) == ["by a listener of everything"]
    assert client.call("end") == ["end"]
    stage.seen.expect("later", event="nobody handles", args=[1])
    stage.seen.expect("later", event="end", args=[])


def test_listeners_of_everything_do_not_see_acknowledgements_nor_the_end(stage, joined, told):
    client, socket = joined
    socket.on_any(lambda event, *args: told.append(event))
    stage.running.call(lambda: socket.emit("ask", ack=lambda *answer: stage.seen.add("answered", args=list(answer))))
    stage.seen.expect("answered", args=["answer"])
    assert stage.running.run(socket.emit_with_ack("ask")) == "answer"
    client.call("end")
    client.disconnect()
    until(lambda: socket.disconnected)
    assert told == ["end"]


def test_listeners_of_everything_are_put_in_front_and_dropped(joined, told):
    client, socket = joined

    def listener(name):
        return lambda event, *args: told.append(name)

    one, two, three = listener("one"), listener("two"), listener("three")
    assert socket.listeners_any() == []
    assert socket.on_any(one) is one
    assert socket.prepend_any(two) is two
    socket.on_any(three)
    socket.on_any(one)
    assert socket.listeners_any() == [two, one, three, one]
    client.emit("news")
    until(lambda: len(told) == 4)
    assert told == ["two", "one", "three", "one"]
    told.clear()

    socket.off_any(one)
    assert socket.listeners_any() == [two, three, one]
    socket.off_any(lambda *args: None)
    client.emit("news")
    until(lambda: len(told) == 3)
    assert told == ["two", "three", "one"]
    told.clear()

    socket.off_any()
    assert socket.listeners_any() == []
    client.call("end")
    assert told == []


def test_what_a_listener_of_everything_raises_keeps_the_event_from_nobody(stage, joined):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket.id)

    client, socket = joined

    @socket.on_any
    def fail(event, *args):
        raise ValueError("broken on purpose")

    assert client.call("end") == ["end"]
    stage.seen.expect("failed", error="broken on purpose", event="end", id=client.id)


# Everything that is sent


def test_a_listener_of_what_is_sent_sees_emits_and_broadcasts(stage, connect, joined, told):
    client, socket = joined
    other = connect(stage)

    @socket.on_any_outgoing
    def sent(event, *args):
        told.append((event, *args))

    def act() -> None:
        socket.emit("own", 1, b"binary")
        socket.send("text")
        socket.compress(False).emit("flags")
        stage.io.emit("all", {"a": 1})
        stage.io.to(socket.id).emit("private")
        stage.socket(other).broadcast.emit("of another")
        stage.socket(other).emit("for another")
        socket.broadcast.emit("for others")
        socket.emit("ask", ack=lambda *answer: None)

    stage.running.call(act)
    assert client.call("end") == ["end"]
    expected = [
        ("own", 1, b"binary"),
        ("message", "text"),
        ("flags",),
        ("all", {"a": 1}),
        ("private",),
        ("of another",),
    ]
    assert told == [*expected, ("ask",)]
    assert stage.running.run(socket.emit_with_ack("ask", 2)) == "answer"
    assert stage.running.run(stage.io.to(socket.id).emit_with_ack("ask", 3)) == ["answer"]
    assert told[7:] == [("ask", 2), ("ask", 3)]
    assert client.seen.events()[:6] == [entry[0] for entry in expected]


def test_a_listener_of_what_is_sent_does_not_see_acknowledgements(stage, joined, told):
    client, socket = joined
    socket.on_any_outgoing(lambda event, *args: told.append(event))
    assert client.call("end") == ["end"]
    stage.running.call(lambda: socket.emit("sent"))
    client.expect_event("sent")
    assert told == ["sent"]


def test_what_a_thread_sends_is_seen_too(stage, joined, told):
    client, socket = joined
    socket.on_any_outgoing(lambda event, *args: told.append((event, *args)))
    data = {"list": [1]}
    socket.emit("by a thread", data)
    data["list"].append(2)
    stage.io.emit("to all by a thread", b"binary")
    assert client.expect_event("by a thread") == [{"list": [1]}]
    assert client.expect_event("to all by a thread") == [b"binary"]
    assert told == [("by a thread", {"list": [1]}), ("to all by a thread", b"binary")]


def test_listeners_of_what_is_sent_are_put_in_front_and_dropped(stage, joined, told):
    client, socket = joined

    def listener(name):
        return lambda event, *args: told.append(name)

    def emit() -> list[str]:
        told.clear()
        stage.running.call(lambda: socket.emit("news"))
        client.expect_event("news")
        return list(told)

    one, two, three = listener("one"), listener("two"), listener("three")
    assert socket.listeners_any_outgoing() == []
    assert socket.on_any_outgoing(one) is one
    assert socket.prepend_any_outgoing(two) is two
    socket.on_any_outgoing(three)
    assert socket.listeners_any_outgoing() == [two, one, three]
    assert emit() == ["two", "one", "three"]
    socket.off_any_outgoing(one)
    socket.off_any_outgoing(lambda *args: None)
    assert socket.listeners_any_outgoing() == [two, three]
    assert emit() == ["two", "three"]
    socket.off_any_outgoing()
    assert socket.listeners_any_outgoing() == []
    assert emit() == []
    socket.prepend_any_outgoing(one)
    assert emit() == ["one"]


def test_listeners_of_what_is_sent_end_with_their_socket(stage, connect, told):
    namespace = stage.io.of("/a")
    clients = [connect(stage, "/a") for _ in range(3)]
    for client in clients[:2]:
        stage.socket(client, "/a").on_any_outgoing(lambda event, *args: told.append(event))
    assert namespace.outgoing_listeners == 2
    clients[0].disconnect()
    until(lambda: len(namespace.sockets) == 2)
    stage.running.call(lambda: namespace.emit("news"))
    clients[1].expect_event("news")
    assert told == ["news"]
    clients[1].disconnect()
    until(lambda: len(namespace.sockets) == 1)
    assert namespace.outgoing_listeners == 0


def test_listeners_of_what_is_sent_end_with_a_socket_that_is_refused(stage, start, told):
    @stage.io.use
    def refuse(socket):
        socket.on_any_outgoing(lambda event, *args: told.append(event))
        socket.emit("early")
        raise ConnectionRefused

    start(stage).expect("connect_error")
    assert told == ["early"]
    assert stage.io.sockets.outgoing_listeners == 0


def test_what_a_listener_of_what_is_sent_raises_keeps_the_event_from_nobody(stage, joined):
    @stage.io.exception_handler
    def failed(error, event, socket):
        stage.seen.add("failed", error=str(error), event=event, id=socket.id)

    client, socket = joined

    @socket.on_any_outgoing
    def fail(event, *args):
        raise ValueError("broken on purpose")

    stage.running.call(lambda: (socket.emit("own"), stage.io.emit("all")))
    client.expect_event("own")
    client.expect_event("all")
    for event in ("own", "all"):
        stage.seen.expect("failed", error="broken on purpose", event=event, id=client.id)
