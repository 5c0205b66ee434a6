"""Events in both directions: arguments, binary, order, and when nobody is there to take them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from antiphon import ConfigurationError, EncodeError, Event, ReservedEventError
from faces import Connect, Guest
from hosts import Host
from interop_driver import until

VALUES: list[list[Any]] = [
    [],
    [None],
    [True, False],
    [0, -1, 1.5, 2**40],
    ["", "text", "Zoë ☃ 🎉", 'quotes " and \\ and \n'],
    [[], [1, [2, [3]]], {}, {"a": {"b": [None]}}],
    [b"", b"\x00\xff", bytes(range(256)) * 200],
    [{"deep": [{"er": b"binary"}, b"more"]}, "text", b"last"],
    ["x" * 100_000],
]


def test_events_have_any_number_of_arguments_both_ways(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo"])
    for values in VALUES:
        guest.emit("echo", *values)
    for values in VALUES:
        assert guest.expect("echo") == values


def test_binary_may_be_of_any_kind(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for value in (b"bytes", bytearray(b"array"), memoryview(b"view")):
        assert guest.emit_with_ack("ask", {"value": [value]}) == {"value": [bytes(value)]}


def test_events_keep_their_order_both_ways(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo", "burst"])
    for number in range(300):
        # Some have attachments, some are large.
        guest.emit("echo", number, *([b"%d" % number] if number % 3 == 0 else []), "x" * (5000 * (number % 7 == 0)))
    guest.emit("burst", 300)
    assert [guest.expect("echo")[0] for _ in range(300)] == list(range(300))
    assert [guest.expect("burst") for _ in range(300)] == [[number] for number in range(300)]


def test_names_of_events_are_any_text(host: Host, connect: Connect, witness: Guest) -> None:
    names = ["", " ", "a,b", "ünï☃", '"', "message", "error", "*"]
    guest = connect(host)
    seen: list[list[Any]] = []
    guest.on_any(lambda *args: seen.append(list(args)))
    for name in names:
        witness.emit_with_ack("tell", name, 1)
    until(lambda: seen == [[name, 1] for name in names])


def test_send_is_an_event_named_message(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["message"])
    answers: list[list[Any]] = []
    guest.emit("message", "with", "answer", ack=lambda *args: answers.append(list(args)))
    until(lambda: answers == [["with", "answer"]])
    seen: list[list[Any]] = []
    guest.on_any_outgoing(lambda *args: seen.append(list(args)))
    guest.send("hello", 1)
    until(lambda: seen == [["message", "hello", 1]])


def test_typed_events_are_names(host: Host, connect: Connect) -> None:
    ask = Event[tuple[str, int], str]("ask")
    echo = Event[tuple[str], None]("echo")
    guest = connect(host)
    seen: list[str] = []
    guest.on(echo, seen.append)
    assert guest.listeners(echo) == guest.listeners("echo") == [seen.append]
    guest.emit(echo, "typed")
    until(lambda: seen == ["typed"])
    assert guest.emit_with_ack(ask, "a", 1) == "a"
    assert guest.timeout(5).emit_with_ack(ask, "b", 1) == "b"
    guest.off(echo)
    waiting = guest.begin("wait_for", echo, timeout=5)
    guest.emit(echo, "awaited")
    assert waiting.result(5) == "awaited"


@pytest.mark.parametrize(
    "name", ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
)
def test_names_of_the_protocol_cannot_be_emitted(host: Host, connect: Connect, name: str) -> None:
    guest = connect(host)
    with pytest.raises(ReservedEventError, match=f'"{name}" is a reserved event name') as caught:
        guest.emit(name)
    assert caught.value.event == name
    with pytest.raises(ReservedEventError):
        guest.emit_with_ack(name)
    with pytest.raises(ReservedEventError):
        guest.volatile.emit(name)


def test_what_cannot_be_encoded_is_told_at_once(host: Host, connect: Connect) -> None:
    guest = connect(host)
    with pytest.raises(EncodeError, match="complex"):
        guest.emit("echo", [{"deep": 1j}])
    with pytest.raises(EncodeError, match="object"):
        guest.emit_with_ack("ask", object())
    with pytest.raises(ConfigurationError, match="name of an event"):
        guest.emit(7)
    assert guest.emit_with_ack("ask", "still here") == "still here"


def test_a_handler_that_fails_is_logged_and_does_no_harm(
    host: Host, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    guest = connect(host, noting=["echo"])

    def fail(*_args: object) -> None:
        raise ValueError("the handler has failed")

    guest.on("echo", fail)
    guest.on_any(fail)
    guest.on("disconnect", fail)
    # It comes after the one that fails.
    guest.on("echo", guest.noter("after"))
    with caplog.at_level(logging.ERROR, "antiphon.client"):
        guest.emit("echo", 1)
        assert guest.expect("echo") == [1]
        assert guest.expect("after") == [1]
        assert guest.emit_with_ack("ask", "still here") == "still here"
        guest.disconnect()
        until(lambda: "the handler of 'disconnect' in / failed" in caplog.text)
    assert "the handler of 'echo' in / failed" in caplog.text
    assert "ValueError: the handler has failed" in caplog.text
    assert [record.name for record in caplog.records] == ["antiphon.client"] * 3


def test_a_handler_gets_as_many_arguments_as_it_takes(
    host: Host, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    guest = connect(host)
    seen: list[tuple[Any, ...]] = []
    guest.on("echo", lambda one: seen.append((one,)))
    guest.on("echo", lambda one, two=None: seen.append((one, two)))
    guest.on("echo", lambda *args: seen.append(args))
    guest.on("echo", lambda: seen.append(()))
    guest.emit("echo", 1, 2, 3)
    until(lambda: seen == [(1,), (1, 2), (1, 2, 3), ()])
    # Too few are an error, which is logged.
    with caplog.at_level(logging.ERROR, "antiphon.client"):
        guest.emit("echo")
        until(lambda: len(seen) == 6)
    assert seen[4:] == [(), ()]
    assert "needs 1 arguments" in caplog.text


def test_a_handler_changes_no_arguments_of_another(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[list[Any]] = []

    def keep(*args: Any) -> None:
        seen.append(list(args))
        del args

    guest.on_any(keep)
    guest.on("echo", keep)
    guest.on("echo", keep)
    guest.emit("echo", 1, 2)
    until(lambda: seen == [["echo", 1, 2], [1, 2], [1, 2]])


def test_a_handler_may_emit_and_wait_in_a_thread(host: Host, connect: Connect) -> None:
    guest = connect(host)
    seen: list[Any] = []

    def handle(value: int) -> None:
        # This thread may block; and emit() may be called in it.
        guest.target.emit("ask", value, ack=seen.append)

    guest.on("echo", handle, thread=True)
    guest.emit("echo", 1)
    guest.emit("echo", 2)
    until(lambda: sorted(seen) == [1, 2])


def test_events_may_be_emitted_in_any_thread(host: Host, connect: Connect) -> None:
    guest = connect(host, noting=["echo"])
    # The test itself is another thread than that of the event loop.
    guest.target.emit("echo", "from a thread")
    assert guest.expect("echo") == ["from a thread"]
    guest.target.timeout(5).emit("ask", 1, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, 1]
    guest.target.volatile.emit("echo", "volatile")
    guest.target.compress(False).emit("echo", "plain")
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.expect("echo")[0] in ("volatile", "plain")
    with pytest.raises(EncodeError):
        guest.target.emit("echo", object())
