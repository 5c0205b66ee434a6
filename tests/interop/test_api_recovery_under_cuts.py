"""Connection state recovery, with a network that is cut 200 times while 10,000 numbered events are emitted."""

from __future__ import annotations

import asyncio
import random

import pytest

from cutting_relay import cutting_relay
from interop_driver import Client, until

CUTS = 200
EVENTS = 10_000
LAST = "the last one"


@pytest.mark.parametrize("way", ["fast", "asgi"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.timeout(300)
def test_every_event_arrives_once_and_in_order_whenever_the_client_is_recovered(way, transport, serve, node):
    stage = serve(connection_state_recovery=True)
    sockets: list[tuple[bool, str | None]] = []

    @stage.io.on("connection")
    def connection(socket):
        sockets.append((socket.recovered, socket.recovery_failure))
        if socket.recovered:
            assert socket.rooms == {socket.id, "numbers"}
            assert socket.data == {"number": 7}
        else:
            socket.join("numbers")
            socket.data["number"] = 7

    chance = random.Random(EVENTS)

    def padding() -> str:
        # Nothing that a compressing ASGI server could make small: the cuts come after so many bytes.
        return chance.randbytes(80).hex()

    errors: list[Exception] = []
    stage.io.exception_handler(lambda error, event, socket: errors.append(error))

    with cutting_relay(cuts=CUTS, most_bytes=16_000, seed=len(way + transport)) as relay:
        client = node.client(
            f"{relay.url}/",
            transports=[transport],
            reconnection=True,
            reconnectionDelay=1,
            reconnectionDelayMax=10,
            timeout=2000,
        )
        relay.target = stage.running.port
        until(lambda: sockets, 30)

        async def emit() -> None:
            for number in range(EVENTS):
                # To a room, and to everyone: both are replayed.
                selected = stage.io.to("numbers") if number % 2 else stage.io
                selected.emit("number", number, padding())
                # A volatile event may be lost; its text must not be taken for an offset.
                if number % 50 == 0:
                    stage.io.volatile.emit("news", "nothing that is an offset")
                # Not faster than the client comes back, or the cuts would all fall on the same few sessions.
                while number - latest_number(client) > 30:
                    if not await is_coming(client):
                        # It came back to a new session, and what it missed is lost to it.
                        break
            while relay.cuts < CUTS:
                # What is left of the cuts.
                stage.io.emit("filling", padding())
                await asyncio.sleep(0.001)
            stage.io.emit(LAST)

        stage.running.run_long(emit(), 250)
        client.expect("event", 60, event=LAST)

    assert relay.cuts == CUTS
    assert not errors
    check_numbers(client)
    recovered = [was for was, _ in sockets]
    assert len(sockets) > CUTS / 2, "the cuts made sessions"
    assert recovered.count(True) > len(sockets) * 0.6
    # A cut in the middle of a replay is the one thing that a session does not survive. None: the client did not know
    # of a session, for it was cut off before it was told of one.
    assert {failure for was, failure in sockets if not was} <= {None, "replay interrupted"}


async def is_coming(client: Client) -> bool:
    """Give the client time; False if its session has just begun anew."""
    before = len(client.seen.all)
    await asyncio.sleep(0.001)
    return not any(report["report"] == "connect" and not report["recovered"] for report in client.seen.all[before:])


def latest_number(client: Client) -> int:
    """Return the latest number that has come, -1 if none has."""
    for report in reversed(client.seen.all):
        if report.get("event") == "number":
            return int(report["args"][0])
    return -1


def check_numbers(client: Client) -> None:
    """Check that the numbers go on where they stopped, unless a session began anew in between."""
    expected, seen, begins = 0, 0, True
    for report in client.seen.all:
        if report["report"] == "connect":
            begins = begins or not report["recovered"]
        elif report.get("event") == "number":
            number = report["args"][0]
            assert number == expected or (begins and number > expected), f"{number} instead of {expected}"
            expected, seen, begins = number + 1, seen + 1, False
    assert expected == EVENTS or begins, f"{expected} and what follows are missing"
    assert seen > EVENTS * 0.7
