"""Connection state recovery: id, rooms and what was missed are there again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from faces import Connect, Face, Guest
from hosts import Host, RecordingRelay
from interop_driver import until


@pytest.fixture
def recovering(hosts: dict[str, Host], relay_to: Callable[[Host], RecordingRelay]) -> RecordingRelay:
    """A relay before a server that recovers connections."""
    return relay_to(hosts["recovering"])


@pytest.fixture
def speaker(hosts: dict[str, Host], asyncio_face: Face) -> Guest:
    """A client of the same server that is not cut off."""
    return asyncio_face.connect(hosts["recovering"].url, transports=["websocket"], force_new=True)


@contextlib.contextmanager
def lost(relay: RecordingRelay, guest: Guest, speaker: Guest) -> Iterator[None]:
    """Cut a client off; both sides have noticed it when the block begins."""
    name = guest.id
    guest.rest(relay)
    with relay.cut_off():
        guest.expect("disconnect")
        until(lambda: speaker.emit_with_ack("reason", name) is not None)
        yield


def test_a_lost_connection_is_recovered(recovering: RecordingRelay, connect: Connect, speaker: Guest) -> None:
    guest = connect(recovering, noting=["news", "echo"])
    first = guest.id
    assert not guest.recovered
    guest.emit_with_ack("join", "room")
    speaker.emit_with_ack("tell", "news", 0)
    assert guest.expect("news")[0] == 0
    with lost(recovering, guest, speaker):
        for number in range(1, 4):
            speaker.emit_with_ack("tell", "news", number, b"%d" % number)
        guest.emit("echo", "kept")
    # What was missed comes before anything new, and before the socket is told.
    assert [guest.expect("news")[:2] for _ in range(3)] == [[number, b"%d" % number] for number in range(1, 4)]
    guest.expect("connect")
    assert (guest.recovered, guest.id) == (True, first)
    assert guest.emit_with_ack("rooms") == ["room"]
    assert guest.expect("echo")[:1] == ["kept"]
    order = [report["event"] for report in guest.seen.all if report["event"] in ("news", "connect")]
    assert order == ["connect", "news", "news", "news", "news", "connect"]


def test_a_connection_that_was_ended_is_not_recovered(
    recovering: RecordingRelay, connect: Connect, speaker: Guest
) -> None:
    guest = connect(recovering, noting=["news"])
    first = guest.id
    guest.emit_with_ack("join", "room")
    guest.emit("kick")
    guest.expect("disconnect")
    speaker.emit_with_ack("tell", "news", "missed")
    guest.connect()
    guest.expect("connect")
    assert (guest.recovered, guest.id == first) == (False, False)
    assert guest.emit_with_ack("rooms") == []
    assert guest.count("news") == 0


def test_a_server_that_does_not_recover_makes_another_connection(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay)
    first = guest.id
    with relay.cut_off():
        guest.expect("disconnect")
    guest.expect("connect")
    assert (guest.recovered, guest.id == first) == (False, False)


def test_it_is_recovered_again_and_again(recovering: RecordingRelay, connect: Connect, speaker: Guest) -> None:
    guest = connect(recovering, noting=["news"])
    # The official server recovers nobody who has not got an event.
    speaker.emit_with_ack("tell", "news", "first")
    expected: list[Any] = guest.expect("news")[:1]
    for number in range(5):
        with lost(recovering, guest, speaker):
            speaker.emit_with_ack("tell", "news", number)
        guest.expect("connect")
        expected.append(number)
        assert guest.expect("news")[0] == number
        assert guest.recovered
    assert [args[0] for args in guest.all("news")] == expected
