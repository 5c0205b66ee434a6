"""How those are kept that wait until a transport has taken something."""

from __future__ import annotations

import asyncio

from antiphon.engineio.packet import WirePacket
from antiphon.server.waiters import Waiters
from antiphon.server.websocket import ASGIWebSocket
from peers import eventually


async def test_all_are_let_go_together_and_only_once() -> None:
    waiters = Waiters()
    futures = [waiters.add() for _ in range(100)]
    futures[3].cancel()
    waiters.release()
    assert [future.cancelled() for future in futures].count(True) == 1
    assert all(future.done() for future in futures)
    assert len(waiters) == 0
    assert not waiters.add().done()


async def test_those_that_gave_up_are_not_kept() -> None:
    waiters = Waiters()
    patient = [waiters.add() for _ in range(50)]
    for _ in range(10_000):
        waiters.add().cancel()
    assert len(waiters) <= 4 * len(patient)
    waiters.release()
    assert all(future.result() is None for future in patient)


async def test_over_asgi_nobody_waits_for_what_is_sent_later() -> None:
    sent: list[WirePacket] = []
    taken = asyncio.Semaphore(0)

    async def send(packet: WirePacket) -> None:
        await taken.acquire()
        sent.append(packet)

    async def take_one() -> None:
        before = len(sent)
        taken.release()
        await eventually(lambda: len(sent) > before)

    transport = ASGIWebSocket(send, protocol=4, limit=1000)
    writing = asyncio.create_task(transport.write())
    transport.send_text(b"4first")
    await asyncio.sleep(0)
    # It is being sent: who asks now waits for it, and not for what comes next.
    waiting = [asyncio.ensure_future(transport.drained() or done())]
    transport.send_text(b"4second")
    waiting.append(asyncio.ensure_future(transport.drained() or done()))
    after: list[int] = []
    for future in waiting:
        while not future.done():
            # There is always something more to send.
            transport.send_text(b"4more")
            await take_one()
        after.append(len(sent))
    # With the second went what was collected while the first was being sent.
    assert sent[: after[0]] == [b"4first"]
    assert sent[after[0] : after[1]] == [b"4second", b"4more"]
    assert transport.drained() is not None
    writing.cancel()


async def done() -> None:
    """Nothing is waited for."""
