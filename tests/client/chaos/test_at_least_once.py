"""``retries``: events that arrive at least once, in order, whatever happens to the connection."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from chaos_helpers import QUICK, Residue, Witness, cut_off, true, until
from chaos_hosts import ChaosServer
from chaos_proxy import ChaosProxy

import antiphon
import antiphon.sync
from antiphon import AckTimeout

ProxyTo = Callable[[ChaosServer], ChaosProxy]

CUTS = 200
COUNTS = {"polling": 2_000, "websocket": 10_000}
"""An event by polling is two requests through the proxy: ten thousand of them take half a minute."""
MOST_BYTES = {"polling": 12_000, "websocket": 4_000}
"""Bytes between two cuts at most, so that the last of them comes before the last event does."""

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


def check(numbers: list[int], count: int) -> int:
    """See that every number has come, in order; return how many have come more than once.

    An event comes again right after itself, or it would be out of order.
    """
    assert [number for number, _ in itertools.groupby(numbers)] == list(range(count))
    return len(numbers) - count


@pytest.mark.usefixtures("no_errors")
async def test_all_events_arrive_through_two_hundred_cuts(
    server: ChaosServer, proxy_to: ProxyTo, transport: str, nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    count = COUNTS[transport]
    acknowledged: list[int] = []
    async with antiphon.connect(proxy.url, transports=[transport], retries=math.inf, ack_timeout=1, **QUICK) as socket:
        witness = Witness(socket)
        proxy.cut_at_random(CUTS, MOST_BYTES[transport])
        for number in range(count):
            socket.emit("number", number, ack=lambda error, answer: acknowledged.append(answer))
        await true(lambda: len(acknowledged) == count, 90)
        assert not proxy.is_cutting
        witness.check()
    assert acknowledged == list(range(count))
    duplicates = check(server.numbers, count)
    print(f"{count} events, {proxy.cuts} cuts, {len(witness.disconnects)} disconnects, {duplicates} duplicates")  # noqa: T201
    # A cut may come between an event and its acknowledgement, once for each.
    assert 0 <= duplicates <= CUTS


@pytest.mark.usefixtures("no_errors")
def test_they_arrive_from_the_blocking_client_too(server: ChaosServer, proxy_to: ProxyTo) -> None:
    proxy = proxy_to(server)
    count, cuts = 3_000, 60
    residue = Residue()
    with antiphon.sync.connect(proxy.url, transports=["websocket"], retries=math.inf, ack_timeout=1, **QUICK) as socket:
        witness = Witness(socket)
        proxy.cut_at_random(cuts, MOST_BYTES["websocket"])
        for number in range(count):
            socket.emit("number", number)
        until(lambda: server.numbers[-1:] == [count - 1], 90)
        assert not proxy.is_cutting
        witness.check()
    assert residue.threads() == []
    assert 0 <= check(server.numbers, count) <= cuts


async def test_an_event_that_is_never_acknowledged_is_given_up(
    server: ChaosServer, transport: str, nothing_left: Residue
) -> None:
    outcomes: list[object] = []

    def note(error: Exception | None, answer: object = None) -> None:
        outcomes.append(answer if error is None else error)

    async with antiphon.connect(server.url, transports=[transport], retries=2, ack_timeout=0.2, **QUICK) as socket:
        socket.emit("number", 1, ack=note)
        socket.emit("never", 2, ack=note)
        socket.emit("late", 3, 3, ack=note)
        socket.emit("never", 4)
        socket.emit("number", 5, ack=note)
        await true(lambda: len(outcomes) == 4)
    # Once, and twice again; what comes with the last try has come in time.
    assert server.numbers == [1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]
    assert (outcomes[0], *outcomes[2:]) == (1, 3, 5)
    assert isinstance(outcomes[1], AckTimeout)


async def test_a_try_that_ends_with_the_connection_counts(
    server: ChaosServer, proxy_to: ProxyTo, transport: str, nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with antiphon.connect(proxy.url, transports=[transport], retries=2, ack_timeout=20, **QUICK) as socket:
        witness = Witness(socket)
        socket.emit("never", 1)
        socket.emit("number", 2)
        for times in range(1, 4):
            await true(lambda: server.numbers == [1] * times)  # noqa: B023 - waited for at once
            await cut_off(proxy, witness)
        await true(lambda: server.numbers == [1, 1, 1, 2])
