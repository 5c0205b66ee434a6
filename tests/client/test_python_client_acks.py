"""Acknowledgements in both directions, and what becomes of those that do not come."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import antiphon
from antiphon import Ack, AckTimeout, AntiphonError, ConfigurationError, Disconnected
from antiphon.types import TransportName
from faces import Connect
from hosts import Host, RecordingRelay
from interop_driver import until


def test_an_answer_is_awaited(host: Host, connect: Connect) -> None:
    guest = connect(host)
    assert guest.emit_with_ack("ask", "hello", timeout=5) == "hello"
    assert guest.emit_with_ack("ask", {"deep": b"binary"}) == {"deep": b"binary"}
    # The first of several, and None of none.
    assert guest.emit_with_ack("ask", 1, 2, 3) == 1
    assert guest.emit_with_ack("nothing") is None
    assert guest.timeout(5).emit_with_ack("ask", "limited") == "limited"


def test_an_answer_goes_to_a_function_with_all_arguments(host: Host, connect: Connect) -> None:
    guest = connect(host)
    guest.emit("ask", 1, "two", b"three", ack=guest.noter("answer"))
    assert guest.expect("answer") == [1, "two", b"three"]
    guest.emit("nothing", ack=guest.noter("answer"))
    assert guest.expect("answer") == []


async def test_an_answer_may_go_to_an_async_function(host: Host, transport: TransportName) -> None:
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    async def take(*args: Any) -> None:
        await asyncio.sleep(0)
        answered.set_result(list(args))

    async with antiphon.connect(host.url, transports=[transport]) as socket:
        socket.emit("ask", 1, 2, ack=take)
        assert await answered == [1, 2]


def test_many_answers_find_who_asked(host: Host, connect: Connect) -> None:
    guest = connect(host)
    waiting = [guest.begin("emit_with_ack", "ask", number) for number in range(30)]
    assert [future.result(10) for future in waiting] == list(range(30))


def test_an_acknowledgement_that_does_not_come_is_told(host: Host, connect: Connect) -> None:
    guest = connect(host)
    with pytest.raises(AckTimeout, match="operation has timed out"):
        guest.emit_with_ack("silence", timeout=0.05)
    with pytest.raises(AckTimeout):
        guest.timeout(0.05).emit_with_ack("silence")
    guest.timeout(0.05).emit("silence", ack=guest.noter("answer"))
    [error] = guest.expect("answer")
    assert isinstance(error, AckTimeout)
    assert guest.emit_with_ack("ask", "still here", timeout=5) == "still here"
    with pytest.raises(ConfigurationError, match="timeout"):
        guest.timeout("soon")


def test_with_a_limit_an_error_or_none_comes_first(host: Host, connect: Connect) -> None:
    guest = connect(host)
    guest.timeout(5).emit("ask", 1, 2, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, 1, 2]
    limited = connect(host, ack_timeout=5, force_new=True)
    limited.emit("ask", 3, ack=limited.noter("answer"))
    assert limited.expect("answer") == [None, 3]


def test_an_acknowledgement_is_waited_for_as_long_as_the_option_says(host: Host, connect: Connect) -> None:
    guest = connect(host, ack_timeout=0.05)
    guest.emit("silence", ack=guest.noter("answer"))
    [error] = guest.expect("answer")
    assert isinstance(error, AckTimeout)
    with pytest.raises(AckTimeout):
        guest.emit_with_ack("silence")
    # What a single emit says counts more.
    assert guest.emit_with_ack("ask", 1, timeout=10) == 1


def test_what_a_handler_returns_is_the_answer(host: Host, connect: Connect) -> None:
    guest = connect(host)
    answers: dict[str, Any] = {
        "value": {"deep": [1, b"2"]},
        "several": (1, "two", b"three"),
        "list": [1, 2],
        "nothing": None,
        "false": False,
    }
    guest.on("question", answers.__getitem__)
    expected: dict[str, list[Any]] = {
        "value": [{"deep": [1, b"2"]}],
        "several": [1, "two", b"three"],
        "list": [[1, 2]],
        "nothing": [],
        "false": [False],
    }
    for name, answer in expected.items():
        guest.emit("question", 5000, name, ack=guest.noter("answer"))
        assert guest.expect("answer") == [None, *answer]


async def test_an_async_handler_answers_when_it_is_done(host: Host, transport: TransportName) -> None:
    async with antiphon.connect(host.url, transports=[transport]) as socket:
        ready = asyncio.Event()

        @socket.on("question")
        async def question(value: int) -> int:
            await ready.wait()
            return value + 1

        answered = asyncio.get_running_loop().create_future()
        socket.emit("question", 5000, 1, ack=lambda *args: answered.set_result(args))
        assert await socket.emit_with_ack("ask", 1) == 1
        assert not answered.done()
        ready.set()
        assert await answered == (None, 2)


def test_a_handler_may_answer_by_itself_and_only_once(host: Host, connect: Connect) -> None:
    guest = connect(host)
    later: list[Ack] = []

    def question(value: int, ack: Ack) -> None:
        ack(value, "first")
        ack(value, "second")

    def other(value: int, ack: Ack) -> str:
        later.append(ack)
        return "not the answer"

    guest.on("question", question)
    guest.emit("question", 5000, 1, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, 1, "first"]
    guest.off("question")
    guest.on("question", other)
    guest.emit("question", 5000, 2, ack=guest.noter("answer"))
    until(lambda: later)
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.count("answer") == 1
    # In any thread, as this is.
    later[0]("late")
    assert guest.expect("answer") == [None, "late"]


def test_a_handler_in_a_thread_answers(host: Host, connect: Connect) -> None:
    guest = connect(host)
    threads: list[threading.Thread] = []

    def question(value: int) -> int:
        threads.append(threading.current_thread())
        return value * 2

    guest.on("question", question, thread=True)
    guest.emit("question", 5000, 21, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, 42]
    assert threads[0] is not threading.main_thread()


def test_an_event_without_a_handler_is_not_answered(host: Host, connect: Connect) -> None:
    """The server would take it for done."""
    guest = connect(host)
    guest.on_any(lambda *_args: "not an answer")
    assert guest.emit_with_ack("question", 100, 1) == "operation has timed out"


def test_a_handler_that_fails_does_not_answer(host: Host, connect: Connect) -> None:
    guest = connect(host)

    def question() -> None:
        raise ValueError

    guest.on("question", question)
    assert guest.emit_with_ack("question", 100) == "operation has timed out"


def test_several_handlers_answer_once(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for answer in (None, "one", "two"):
        guest.on("question", lambda answer=answer: answer)
    guest.emit("question", 5000, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, "one"]


def test_acknowledgements_that_cannot_come_any_more_fail_at_once(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    awaited = guest.begin("emit_with_ack", "silence")
    limited = guest.begin("emit_with_ack", "silence", timeout=60)
    guest.timeout(60).emit("silence", ack=guest.noter("answer"))
    # Without a limit a function has no place for an error: it is never called.
    guest.emit("silence", ack=guest.noter("unlimited"))
    assert guest.emit_with_ack("ask", 1) == 1
    with relay.cut_off():
        reason, _ = guest.expect("disconnect")
    for future in (awaited, limited):
        with pytest.raises(Disconnected, match="the connection was lost") as caught:
            future.result(5)
        assert caught.value.reason == reason
    [error] = guest.expect("answer")
    assert isinstance(error, Disconnected)
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 2) == 2
    assert guest.count("unlimited") == 0


def test_acknowledgements_fail_when_either_side_disconnects(host: Host, connect: Connect) -> None:
    guest = connect(host)
    awaited = guest.begin("emit_with_ack", "silence")
    guest.emit("kick")
    with pytest.raises(Disconnected) as caught:
        awaited.result(5)
    assert caught.value.reason == "io server disconnect"
    guest.connect()
    awaited = guest.begin("emit_with_ack", "silence")
    assert guest.emit_with_ack("ask", 1) == 1
    guest.disconnect()
    with pytest.raises(Disconnected) as caught:
        awaited.result(5)
    assert caught.value.reason == "io client disconnect"
    assert issubclass(Disconnected, AntiphonError)


def test_an_answer_to_another_connection_is_not_sent(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    kept: list[Ack] = []

    def question(ack: Ack) -> None:
        kept.append(ack)

    guest.on("question", question)
    guest.emit("question", 100)
    until(lambda: kept)
    with relay.cut_off():
        guest.expect("disconnect")
    guest.expect("connect")
    kept[0]("too late")
    # Its number is that of this event now, which nobody answers.
    assert guest.emit_with_ack("question", 100) == "operation has timed out"
