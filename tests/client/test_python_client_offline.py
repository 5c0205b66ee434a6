"""Emitting while there is no connection: what waits, what is dropped, what is refused; and events that are retried."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest

from antiphon import AckTimeout, BufferFull, Disconnected
from antiphon.types import TransportName
from faces import Connect, Face, Guest
from hosts import Host, RecordingRelay
from interop_driver import until


@pytest.fixture
def key() -> str:
    """A name for the numbers of one test."""
    return uuid.uuid4().hex


def test_what_is_emitted_without_a_connection_waits_for_one_in_order(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, noting=["echo"])
    with relay.cut_off():
        guest.expect("disconnect")
        for number in range(20):
            guest.emit("echo", number, b"%d" % number)
        guest.compress(False).emit("echo", 20, b"20")
        guest.send("a message")
        assert guest.buffered == 22
    assert [guest.expect("echo") for _ in range(21)] == [[number, b"%d" % number] for number in range(21)]
    assert guest.buffered == 0


def test_what_is_emitted_before_the_first_connection_waits_for_it(
    host: Host, face: Face, transport: TransportName
) -> None:
    guest = face.prepare(host.url, noting=["echo"], transports=[transport])
    face.call(guest.target.connect if face.name == "asyncio" else guest.target.begin)
    guest.emit("echo", 1)
    guest.emit("echo", 2)
    assert [guest.expect("echo"), guest.expect("echo")] == [[1], [2]]


def test_answers_to_what_waits_come_after_the_reconnection(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    with relay.cut_off():
        guest.expect("disconnect")
        awaited = guest.begin("emit_with_ack", "ask", "awaited")
        limited = guest.begin("emit_with_ack", "ask", "limited", timeout=20)
        guest.emit("ask", "function", ack=guest.noter("answer"))
        until(lambda: guest.buffered == 3)
    assert (awaited.result(10), limited.result(10)) == ("awaited", "limited")
    assert guest.expect("answer") == ["function"]


def test_what_waits_too_long_for_its_answer_is_not_sent(relay: RecordingRelay, connect: Connect, key: str) -> None:
    guest = connect(relay)
    with relay.cut_off():
        guest.expect("disconnect")
        with pytest.raises(AckTimeout):
            guest.emit_with_ack("number", key, 1, timeout=0.05)
        assert guest.buffered == 0
    guest.expect("connect")
    assert guest.emit_with_ack("numbers", key) == []


def test_as_many_events_wait_as_may(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, noting=["echo"], send_buffer_size=3)
    with relay.cut_off():
        guest.expect("disconnect")
        for number in range(3):
            guest.emit("echo", number)
        with pytest.raises(BufferFull, match=r"3 events wait for the connection to http://127.* \(send_buffer_size\)"):
            guest.emit("echo", "too much")
        with pytest.raises(BufferFull):
            guest.emit_with_ack("ask", 1)
    assert [guest.expect("echo") for _ in range(3)] == [[0], [1], [2]]
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.count("echo") == 3


def test_events_are_dropped_without_a_connection_if_that_is_wanted(
    relay: RecordingRelay, connect: Connect, key: str
) -> None:
    guest = connect(relay, when_offline="drop")
    with relay.cut_off():
        guest.expect("disconnect")
        guest.emit("number", key, 1)
        with pytest.raises(Disconnected, match="when_offline is 'drop'"):
            guest.emit_with_ack("number", key, 2)
        guest.timeout(5).emit("number", key, 3, ack=guest.noter("answer"))
        assert isinstance(guest.expect("answer")[0], Disconnected)
    guest.expect("connect")
    assert guest.emit_with_ack("number", key, 4) == 4
    assert guest.emit_with_ack("numbers", key) == [4]


def test_events_are_refused_without_a_connection_if_that_is_wanted(
    relay: RecordingRelay, connect: Connect, key: str
) -> None:
    guest = connect(relay, when_offline="raise")
    with relay.cut_off():
        guest.expect("disconnect")
        for emit in (guest.emit, guest.emit_with_ack):
            with pytest.raises(Disconnected, match="there is no connection, and when_offline is 'raise'"):
                emit("number", key, 1)
    guest.expect("connect")
    assert guest.emit_with_ack("numbers", key) == []


def test_volatile_events_are_not_kept(relay: RecordingRelay, connect: Connect, key: str) -> None:
    guest = connect(relay)
    with relay.cut_off():
        guest.expect("disconnect")
        guest.volatile.emit("number", key, 1)
        with pytest.raises(Disconnected, match="the event was volatile, and was dropped"):
            guest.volatile.emit_with_ack("number", key, 2)
        assert guest.buffered == 0
    guest.expect("connect")

    def arrives() -> bool:
        # By polling it is dropped as long as the request to join is under way, which may be answered late.
        guest.volatile.emit("number", key, 3)
        return bool(guest.emit_with_ack("numbers", key))

    until(arrives)
    assert set(guest.emit_with_ack("numbers", key)) == {3}


def test_volatile_events_are_dropped_while_the_transport_is_busy(
    relay: RecordingRelay, connect: Connect, transport: TransportName, key: str
) -> None:
    guest = connect(relay)
    assert guest.emit_with_ack("ask", 1) == 1
    relay.hold()
    try:
        # By polling a request is under way; by WebSocket the buffers of the connection have to be full.
        blob = "x" * (500_000 if transport == "websocket" else 10)
        core = guest.core
        engine: Any = core.io.engine
        run = guest.face.call if guest.face.name == "asyncio" else guest.io.portal.call
        for _ in range(100):
            run(core.emit, "nothing", blob)
            if not engine.transport.writable:
                break
        assert not engine.transport.writable
        run(core.volatile.emit, "number", key, 1)
    finally:
        relay.resume()
    guest.emit("number", key, 2)
    assert guest.emit_with_ack("numbers", key) == [2]


async def test_a_plain_emit_may_be_awaited_until_it_is_sent(
    relay_by_itself: RecordingRelay, transport: TransportName
) -> None:
    import antiphon  # noqa: PLC0415

    relay = relay_by_itself
    async with antiphon.connect(relay.url, transports=[transport], reconnection_delay=0.02) as socket:
        await socket.emit("echo", 1)
        with relay.cut_off():
            await socket.wait_for("disconnect", timeout=10)
            waiting: Any = socket.emit("echo", 2)
            assert len(socket.send_buffer) == 1
        await waiting
        assert (len(socket.send_buffer), socket.connected) == (0, True)


# Retries


def test_what_is_retried_arrives_in_order_one_at_a_time(relay: RecordingRelay, connect: Connect, key: str) -> None:
    guest = connect(relay, retries=10, ack_timeout=5)
    sent: list[int] = []
    guest.on_any_outgoing(lambda event, *args: sent.append(args[1]) if event == "number" else None)
    for number in range(5):
        guest.emit("number", key, number)
    with relay.cut_off():
        guest.expect("disconnect")
        for number in range(5, 10):
            guest.emit("number", key, number)
    assert guest.emit_with_ack("number", key, 10) == 10
    numbers = guest.emit_with_ack("numbers", key)
    # One may have come twice: its acknowledgement was lost.
    assert sorted(set(numbers)) == list(range(11))
    assert numbers == sorted(numbers)
    until(lambda: sorted(set(sent)) == list(range(11)))


def test_an_event_is_sent_so_often_and_then_given_up(
    host: Host, connect: Connect, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    guest = connect(host, retries=2, ack_timeout=0.1)
    with pytest.raises(AckTimeout):
        guest.emit_with_ack("reluctant", key, 1, 99)
    assert guest.emit_with_ack("numbers", key, timeout=5) == [1, 1, 1]
    # The third time is good.
    assert guest.emit_with_ack("reluctant", key, 2, 3) == 2
    assert guest.emit_with_ack("numbers", key, timeout=5) == [1, 1, 1, 2, 2, 2]
    # Without anybody to tell it is logged.
    with caplog.at_level(logging.ERROR, "antiphon.client"):
        guest.emit("reluctant", key, 3, 99)
        until(lambda: "'reluctant' was not acknowledged after 3 tries, and is given up" in caplog.text)
    # The function of an emit gets an error first.
    guest.emit("reluctant", key, 4, 99, ack=guest.noter("answer"))
    assert isinstance(guest.expect("answer")[0], AckTimeout)
    guest.emit("ask", 5, ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, 5]


def test_an_event_that_is_retried_has_a_limit_of_its_own(host: Host, connect: Connect, key: str) -> None:
    guest = connect(host, retries=1, ack_timeout=30)
    with pytest.raises(AckTimeout):
        guest.timeout(0.1).emit_with_ack("reluctant", key, 1, 99)
    assert guest.emit_with_ack("numbers", key) == [1, 1]


def test_volatile_events_are_not_retried(host: Host, connect: Connect, key: str) -> None:
    guest = connect(host, retries=3, ack_timeout=0.1)
    guest.volatile.timeout(0.1).emit("reluctant", key, 1, 99, ack=guest.noter("answer"))
    assert isinstance(guest.expect("answer")[0], AckTimeout)
    assert guest.emit_with_ack("numbers", key, timeout=5) == [1]


def test_what_is_retried_waits_for_what_came_before(host: Host, connect: Connect, key: str) -> None:
    guest = connect(host, retries=5, ack_timeout=0.2)
    guest.emit("reluctant", key, 1, 2)
    guest.emit("number", key, 2)
    assert guest.emit_with_ack("numbers", key, timeout=5) == [1, 1, 2]


def test_an_event_that_is_retried_arrives_once_without_a_timeout_too(host: Host, connect: Connect, key: str) -> None:
    guest = connect(host, retries=3)
    guest.emit("number", key, 1)
    assert guest.emit_with_ack("ask", 1) == 1
    assert guest.emit_with_ack("numbers", key) == [1]


def test_acknowledgements_of_retried_events_outlast_a_lost_connection(
    relay: RecordingRelay, connect: Connect, key: str
) -> None:
    guest = connect(relay, retries=3, ack_timeout=20)
    waiting = guest.begin("emit_with_ack", "reluctant", key, 1, 2)
    witness: Guest = guest.face.connect(f"http://127.0.0.1:{relay.port}", transports=["websocket"], force_new=True)
    until(lambda: witness.emit_with_ack("numbers", key) == [1])
    with relay.cut_off():
        guest.expect("disconnect")
    assert waiting.result(10) == 1
    assert witness.emit_with_ack("numbers", key) == [1, 1]
