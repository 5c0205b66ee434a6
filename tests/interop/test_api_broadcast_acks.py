"""Broadcasts that wait for acknowledgements, with the official client."""

from __future__ import annotations

import asyncio
import time

import pytest

from antiphon import AckTimeout, ConfigurationError, EncodeError, Responses
from broadcast_helpers import heard, join, pending_acks, target_of
from interop_driver import until

LONG = 3600


@pytest.fixture(params=["/", "/chat"], ids=["server", "namespace"])
def nsp(request):
    """By the server itself, or by a namespace."""
    return request.param


@pytest.fixture
def target(stage, nsp):
    """What broadcasts."""
    return target_of(stage, nsp)


class Outcome:
    """An ack function: keeps what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, error, responses):
        self.calls.append((error, responses))

    def expect(self):
        """Wait until it is called; return the error and the responses."""
        until(lambda: self.calls)
        return self.calls[0]


def ask(stage, selection, *args, ack):
    stage.running.call(lambda: selection.emit("ask", *args, ack=ack))


def test_a_callback_gets_no_error_and_all_responses(stage, connect, target, nsp):
    a = connect(stage, nsp, answers={"ask": "echo"})
    b = connect(stage, nsp, answers={"ask": ["from b"]})
    outcome = Outcome()
    ask(stage, target.timeout(10), {"question": 1}, b"binary", ack=outcome)
    error, responses = outcome.expect()
    assert error is None
    assert isinstance(responses, Responses)
    assert sorted(responses, key=str) == ["from b", {"question": 1}]
    assert responses.by_id == {a.id: {"question": 1}, b.id: "from b"}
    assert responses.missing == set()
    assert a.expect_event("ask") == [{"question": 1}, b"binary"]
    heard(stage, a, b, nsp=nsp)
    assert len(outcome.calls) == 1


def test_the_responses_can_be_awaited(stage, connect, target, nsp):
    clients = [connect(stage, nsp, answers={"ask": [number, "not this"]}) for number in range(3)]
    responses = stage.running.run(target.emit_with_ack("ask", "text"))
    assert isinstance(responses, Responses)
    assert isinstance(responses, list)
    assert sorted(responses) == [0, 1, 2]
    assert responses.by_id == {client.id: number for number, client in enumerate(clients)}
    assert not responses.missing
    for wait in (target.timeout(10).emit_with_ack("ask"), target.emit_with_ack("ask", timeout=10)):
        assert sorted(stage.running.run(wait)) == [0, 1, 2]


def test_responses_are_in_the_order_in_which_they_come(stage, connect, target, nsp):
    clients = [connect(stage, nsp) for _ in range(3)]
    waiting = asyncio.run_coroutine_threadsafe(target.emit_with_ack("ask", timeout=LONG), stage.running.loop)
    calls = [client.expect("event", event="ask")["call"] for client in clients]
    for count, client in enumerate(reversed(clients)):
        assert not waiting.done()
        client.answer(calls[2 - count], client.id)
        # The next one answers when this answer has come.
        until(lambda count=count: stage.running.call(lambda: pending_acks(stage.io.of(nsp))) == 2 - count)
    assert waiting.result(10) == [client.id for client in reversed(clients)]


ANSWERS = {
    "nothing": ([], None),
    "null": ([None], None),
    "several": ([1, 2, 3], 1),
    "list": ([[1, 2]], [1, 2]),
    "object": ([{"a": {"b": None}}, "more"], {"a": {"b": None}}),
    "binary": ([b"\x00\xff"], b"\x00\xff"),
    "nested binary": ([{"a": [b"1", {"b": b"2"}]}, b"3"], {"a": [b"1", {"b": b"2"}]}),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_first_argument_of_each_answer_is_the_response(stage, connect, kind):
    answer, response = ANSWERS[kind]
    client = connect(stage, answers={"ask": answer})
    responses = stage.running.run(stage.io.emit_with_ack("ask"))
    assert responses == [response]
    assert responses.by_id == {client.id: response}


def test_only_who_is_selected_is_asked_and_waited_for(stage, connect, target, nsp):
    names = ["sender", "a", "b", "both", "neither"]
    clients = {name: connect(stage, nsp, answers={"ask": [name]}) for name in names}
    for name, rooms in {"a": ["a"], "b": ["b"], "both": ["a", "b"], "sender": ["a"]}.items():
        join(stage, clients[name], *rooms, nsp=nsp)
    socket = stage.socket(clients["sender"], nsp)
    for selection, expected in {
        target.to("a"): ["a", "both", "sender"],
        target.in_("b"): ["b", "both"],
        target.to("a", "b"): ["a", "b", "both", "sender"],
        target.to("a").except_("b"): ["a", "sender"],
        target.except_("a").except_("b"): ["neither"],
        target.local.to("b"): ["b", "both"],
        target.to(clients["a"].id): ["a"],
        socket.broadcast: ["a", "b", "both", "neither"],
        socket.to("a"): ["a", "both"],
        socket.except_("a"): ["b", "neither"],
        socket.timeout(10).to("a").to(["b", "c"]).except_("a"): ["b"],
        socket.local.to("b"): ["b", "both"],
        socket.compress(False).to("b"): ["b", "both"],
    }.items():
        assert sorted(stage.running.run(selection.emit_with_ack("ask"))) == expected


@pytest.mark.parametrize("select", [lambda io: io.to("nobody"), lambda io: io.of("/empty")], ids=["room", "namespace"])
def test_nobody_to_ask_is_no_response_at_once(stage, connect, select):
    connect(stage)
    selection, outcome = select(stage.io), Outcome()
    ask(stage, selection, ack=outcome)
    assert outcome.expect() == (None, [])
    responses = stage.running.run(selection.emit_with_ack("ask", timeout=LONG))
    assert responses == []
    assert isinstance(responses, Responses)
    assert (responses.by_id, responses.missing) == ({}, set())


def test_who_comes_later_is_not_waited_for(stage, connect):
    early = connect(stage)
    waiting = asyncio.run_coroutine_threadsafe(stage.io.emit_with_ack("ask", timeout=LONG), stage.running.loop)
    call = early.expect("event", event="ask")["call"]
    late = connect(stage)
    early.answer(call, "early")
    assert waiting.result(10) == ["early"]
    assert heard(stage, late) == [[]]


def test_time_runs_out_with_the_responses_and_who_is_missing(stage, connect, target, nsp):
    quick = [connect(stage, nsp, answers={"ask": [number]}) for number in range(2)]
    silent = [connect(stage, nsp) for _ in range(2)]
    outcome = Outcome()
    waits = [target.timeout(1).emit_with_ack("ask"), target.emit_with_ack("ask", timeout=1)]
    waits = [asyncio.run_coroutine_threadsafe(wait, stage.running.loop) for wait in waits]
    ask(stage, target.timeout(1), ack=outcome)
    error, responses = outcome.expect()
    assert sorted(responses) == [0, 1]
    for caught in (error, *(wait.exception(10) for wait in waits)):
        assert isinstance(caught, AckTimeout)
        assert str(caught) == "operation has timed out"
        assert sorted(caught.responses) == [0, 1]
        assert caught.responses.by_id == {client.id: number for number, client in enumerate(quick)}
        assert caught.missing == caught.responses.missing == {client.id for client in silent}


def test_an_answer_that_is_too_late_is_ignored_and_nothing_is_kept(stage, connect):
    client = connect(stage)
    outcome = Outcome()
    ask(stage, stage.io.timeout(0.02), ack=outcome)
    call = client.expect("event", event="ask")["call"]
    assert isinstance(outcome.expect()[0], AckTimeout)
    assert stage.running.call(lambda: pending_acks(stage.io.sockets)) == 0
    client.answer(call, "late")

    @stage.io.event("still there")
    def still_there(socket):
        return True

    assert client.call("still there") == [True]
    assert len(outcome.calls) == 1
    assert outcome.calls[0][1] == []


def test_the_default_limit_is_the_option_and_not_zero(serve, connect):
    stage = serve(ack_timeout=1)
    quick, silent = connect(stage, answers={"ask": ["quick"]}), connect(stage)
    outcome = Outcome()
    began = time.monotonic()
    ask(stage, stage.io, ack=outcome)
    waiting = asyncio.run_coroutine_threadsafe(stage.io.emit_with_ack("ask"), stage.running.loop)
    for error in (outcome.expect()[0], waiting.exception(10)):
        assert isinstance(error, AckTimeout)
        assert error.responses == ["quick"]
        assert error.responses.by_id == {quick.id: "quick"}
        assert error.missing == {silent.id}
    # The timers of uvloop count whole milliseconds from the beginning of a turn: they may be early.
    assert 0.99 <= time.monotonic() - began < 10


@pytest.mark.parametrize("leave", ["disconnect", "close_manager"])
def test_who_leaves_is_not_waited_for_and_named(stage, connect, target, nsp, leave):
    quick, leaver, other = connect(stage, nsp, answers={"ask": ["quick"]}), connect(stage, nsp), connect(stage, nsp)
    outcome, gone = Outcome(), leaver.id
    ask(stage, target.timeout(LONG), ack=outcome)
    waiting = asyncio.run_coroutine_threadsafe(target.emit_with_ack("ask", timeout=LONG), stage.running.loop)
    calls = [other.expect("event", event="ask")["call"] for _ in range(2)]
    leaver.expect_event("ask")
    getattr(leaver, leave)()
    until(lambda: gone not in stage.io.of(nsp).sockets)
    assert not outcome.calls
    assert not waiting.done()
    for call in calls:
        other.answer(call, "other")
    error, responses = outcome.expect()
    assert error is None
    for got in (responses, waiting.result(10)):
        assert sorted(got) == ["other", "quick"]
        assert got.missing == {gone}
        assert got.by_id == {quick.id: "quick", other.id: "other"}


def test_if_all_leave_there_is_no_response(stage, connect):
    clients = [connect(stage) for _ in range(3)]
    ids = {client.id for client in clients}
    waiting = asyncio.run_coroutine_threadsafe(stage.io.emit_with_ack("ask", timeout=LONG), stage.running.loop)
    for client in clients:
        client.expect_event("ask")
    stage.running.call(stage.io.disconnect_sockets)
    responses = waiting.result(10)
    assert responses == []
    assert responses.missing == ids


def test_answers_to_broadcasts_and_to_single_events_are_not_confused(stage, connect, node):
    root = connect(stage, answers={"ask": "echo"})
    stage.io.of("/chat")
    clients = [root, connect(stage, answers={"ask": "echo"})]
    inside = node.client("/chat", share=root, answers={"ask": "echo"})
    inside.expect_connect()

    async def ask_all():
        waits = []
        for number in range(30):
            socket = stage.socket(clients[number % 2])
            waits.append((f"one {number}", socket.emit_with_ack("ask", f"one {number}")))
            waits.append((f"all {number}", stage.io.emit_with_ack("ask", f"all {number}")))
            waits.append((f"inside {number}", stage.io.of("/chat").emit_with_ack("ask", f"inside {number}")))
            waits.append((f"room {number}", stage.io.to(socket.id).emit_with_ack("ask", f"room {number}")))
        return [text for text, _ in waits], await asyncio.gather(*(wait for _, wait in waits))

    texts, answers = stage.running.run(ask_all())
    for text, answer in zip(texts, answers, strict=True):
        if text.startswith("one"):
            assert answer == text
        else:
            assert answer == [text] * (2 if text.startswith("all") else 1)
    for name in ("/", "/chat"):
        assert stage.running.call(lambda name=name: pending_acks(stage.io.of(name))) == 0


def test_nothing_waits_any_more_when_it_is_over(stage, connect):
    connect(stage, answers={"ask": [1]})
    silent, leaver = connect(stage), connect(stage)
    socket = stage.socket(silent)
    first = asyncio.run_coroutine_threadsafe(stage.io.emit_with_ack("ask", timeout=0.3), stage.running.loop)
    leaver.expect_event("ask")
    leaver.disconnect()
    with pytest.raises(AckTimeout):
        first.result(10)
    assert stage.running.call(lambda: pending_acks(stage.io.sockets)) == 0
    # One that is single waits on, though it has its id from the same counter.
    single = asyncio.run_coroutine_threadsafe(socket.emit_with_ack("single"), stage.running.loop)
    with pytest.raises(AckTimeout):
        stage.running.run(stage.io.emit_with_ack("ask", timeout=0.02))
    assert stage.running.call(lambda: pending_acks(stage.io.sockets)) == 1
    silent.answer(silent.expect("event", event="single")["call"], "there")
    assert single.result(10) == "there"


def test_the_callback_may_be_async_and_its_failure_is_reported(stage, connect):
    connect(stage, answers={"ask": [1]})
    failures, seen = [], []

    @stage.io.exception_handler
    def failed(error, event, socket):
        failures.append((str(error), event, socket))

    async def answered(error, responses):
        await asyncio.sleep(0)
        seen.append((error, list(responses)))
        raise ValueError("broken on purpose")

    def answered_too(error, responses):
        raise ValueError("broken too")

    ask(stage, stage.io, ack=answered)
    until(lambda: failures)
    assert seen == [(None, [1])]
    assert failures == [("broken on purpose", "acknowledgement of ask", None)]
    ask(stage, stage.io, ack=answered_too)
    until(lambda: len(failures) == 2)
    assert failures[1] == ("broken too", "acknowledgement of ask", None)


@pytest.mark.parametrize("how", ["callback", "awaited"])
def test_what_cannot_be_sent_is_an_error_at_once_and_none_later(serve, connect, caplog, how):
    stage = serve(ack_timeout=0.05)
    client = connect(stage, answers={"ask": [1]})
    outcome = Outcome()
    if how == "callback":
        with pytest.raises(EncodeError):
            ask(stage, stage.io, {1, 2}, ack=outcome)
    else:
        with pytest.raises(EncodeError):
            stage.running.run(stage.io.emit_with_ack("ask", {1, 2}))
    # A later call of the same length ends later than what had been begun before.
    with pytest.raises(AckTimeout):
        stage.running.run(stage.io.emit_with_ack("nobody answers", timeout=0.1))
    assert outcome.calls == []
    assert stage.running.run(stage.io.emit_with_ack("ask", timeout=10)) == [1]
    assert heard(stage, client) == [["nobody answers", "ask"]]
    assert stage.running.call(lambda: pending_acks(stage.io.sockets)) == 0
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("seconds", [-1, 3601, True, "1", None, float("nan")], ids=repr)
def test_a_limit_that_makes_no_sense_is_refused_at_once(stage, connect, seconds):
    socket = stage.socket(connect(stage, answers={"ask": [1]}))
    for limit in (stage.io.timeout, stage.io.to("room").timeout, socket.timeout, socket.broadcast.timeout):
        with pytest.raises(ConfigurationError, match="a timeout is a number of seconds"):
            limit(seconds)
    if seconds is not None:
        with pytest.raises(ConfigurationError, match="a timeout is a number of seconds"):
            stage.running.run(stage.io.emit_with_ack("ask", timeout=seconds))


def test_no_time_at_all_is_an_immediate_end(stage, connect):
    client = connect(stage)
    with pytest.raises(AckTimeout) as caught:
        stage.running.run(stage.io.timeout(0).emit_with_ack("ask"))
    assert caught.value.missing == {client.id}
    assert client.expect_event("ask") == []


def test_a_wait_that_is_cancelled_is_forgotten(stage, connect):
    client = connect(stage)

    async def impatient():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stage.io.emit_with_ack("ask", timeout=LONG), 0.02)
        return pending_acks(stage.io.sockets)

    assert stage.running.run(impatient()) == 0
    client.answer(client.expect("event", event="ask")["call"], "late")
    assert heard(stage, client) == [["ask"]]
