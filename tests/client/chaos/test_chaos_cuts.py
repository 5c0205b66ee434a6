"""Connections that are cut, frozen, swallowed, refused and answered by the wrong ones, with the asyncio client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

import antiphon
from antiphon import AckTimeout, ClientSocket, Disconnected
from chaos_helpers import QUICK, Memory, Residue, Witness, sessions, true
from chaos_hosts import ChaosServer
from chaos_proxy import ChaosProxy

ProxyTo = Callable[[ChaosServer], ChaosProxy]

pytestmark = [pytest.mark.filterwarnings("error::ResourceWarning"), pytest.mark.usefixtures("no_errors")]


async def poke(socket: ClientSocket, padding: object = None) -> None:
    """Let a tick come, and an acknowledgement, if they can."""
    with contextlib.suppress(Disconnected, AckTimeout):
        await socket.emit_with_ack("poke", padding, timeout=3)


async def poke_while(socket: ClientSocket, condition: Callable[[], bool], padding: object = None) -> None:
    """Keep the connection busy."""

    async def poke_on() -> None:
        while condition():
            await poke(socket, padding)

    async with asyncio.timeout(60):
        await asyncio.gather(*[poke_on() for _ in range(4)])


async def is_well(socket: ClientSocket) -> None:
    """See that events go both ways."""
    await true(lambda: socket.connected)
    assert await socket.emit_with_ack("poke", timeout=10) is True


async def test_it_comes_back_from_cuts_at_random(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    residue = Residue()
    async with antiphon.connect(proxy.url, transports=transports, **QUICK) as socket:
        witness = Witness(socket)
        proxy.cut_at_random(100, 8_000 if transports == ["websocket"] else 20_000)
        await poke_while(socket, lambda: proxy.is_cutting, "x" * 50)
        await is_well(socket)
        witness.check()
        # Some cuts come before the connection is made.
        assert 20 < len(witness.disconnects) <= 100
        assert set(witness.disconnects) <= {"transport close", "transport error"}
    assert socket.state.value == "inactive"
    assert residue.tasks() == []
    proxy.close()
    assert residue.files() == []
