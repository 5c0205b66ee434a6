"""Connections that are cut, frozen, swallowed, refused and answered by the wrong ones, with the asyncio client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import pytest
from chaos_helpers import QUICK, TRANSPORTS, Memory, Residue, Witness, cut_off, sessions, true
from chaos_hosts import ChaosServer
from chaos_proxy import PAGE, ChaosProxy

import antiphon
from antiphon import AckTimeout, ClientSocket, ConnectError, Disconnected, SocketState

ProxyTo = Callable[[ChaosServer], ChaosProxy]

pytestmark = [pytest.mark.filterwarnings("error::ResourceWarning"), pytest.mark.usefixtures("no_errors")]


async def poke_while(socket: ClientSocket, condition: Callable[[], bool], padding: object = None) -> None:
    """Keep the connection busy: ticks come, and acknowledgements, if they can."""

    async def poke_on() -> None:
        while condition():
            with contextlib.suppress(Disconnected, AckTimeout):
                await socket.emit_with_ack("poke", padding, timeout=3)

    async with asyncio.timeout(60):
        await asyncio.gather(*[poke_on() for _ in range(4)])


async def is_well(socket: ClientSocket) -> None:
    """See that events go both ways."""
    await true(lambda: socket.connected)
    assert await socket.emit_with_ack("poke", timeout=10) is True


async def gets_well(socket: ClientSocket) -> None:
    """See that events go both ways; the first may be what finds out about the last cut."""
    with contextlib.suppress(Disconnected):
        await is_well(socket)
        return
    await is_well(socket)


@contextlib.asynccontextmanager
async def client(proxy: ChaosProxy, **options: Any) -> Any:
    """Connect a client, and see that nothing is left of it in the end; yields it and its witness."""
    residue = Residue()
    async with antiphon.connect(proxy.url, **{**QUICK, **options}) as socket:
        witness = Witness(socket)
        yield socket, witness
        witness.check()
    assert residue.tasks() == []
    # A closed connection is gone in the next turn of the event loop.
    await asyncio.sleep(0)
    # Its own connections do not count.
    proxy.close()
    assert residue.files() == []
    assert residue.threads() == []


# Cuts


async def test_it_comes_back_from_cuts_at_random(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with client(proxy, transports=transports) as (socket, witness):
        proxy.cut_at_random(60, 8_000 if transports == ["websocket"] else 20_000)
        await poke_while(socket, lambda: proxy.is_cutting, "x" * 50)
        await gets_well(socket)
        # Some cuts come before the connection is made.
        assert 20 < len(witness.disconnects) <= 60
        assert set(witness.disconnects) <= {"transport close", "transport error"}
        proxy.cut()
    assert socket.state is SocketState.INACTIVE


async def test_it_comes_back_when_it_is_cut_while_it_connects(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with client(proxy, transports=transports) as (socket, witness):
        # That is about as much as it takes to connect and to upgrade.
        proxy.cut_at_random(60, 1_500)
        await poke_while(socket, lambda: proxy.is_cutting)
        await gets_well(socket)
        assert len(witness.errors) > 10


async def test_it_comes_back_from_cuts_of_a_slow_network(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    proxy.delay = 0.01
    async with client(proxy, transports=transports) as (socket, _):
        proxy.cut_at_random(10, 4_000)
        await poke_while(socket, lambda: proxy.is_cutting, "x" * 50)
        await gets_well(socket)


async def test_its_memory_is_flat(
    serve: Callable[..., ChaosServer],
    proxy_to: ProxyTo,
    transports: list[str],
    nothing_left: Residue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What pytest keeps of the log would count.
    monkeypatch.setattr(logging.getLogger("antiphon.client"), "disabled", True)
    proxy = proxy_to(serve("antiphon"))
    async with client(proxy, transports=transports) as (socket, witness):

        async def cycle(times: int) -> None:
            for number in range(times):
                # Without a timeout: the event loop keeps the timers of acknowledgements for a while.
                assert await socket.emit_with_ack("poke") is True
                if transports == TRANSPORTS["upgrade"]:
                    await true(lambda: socket.io.transport_name == "websocket")
                before = witness.connects
                await cut_off(proxy, witness, "rst" if number % 2 else "fin")
                await true(lambda: witness.connects > before)  # noqa: B023 - waited for at once
                witness.forget()

        with contextlib.closing(Memory()) as memory:
            # By then the caches of aiohttp are full: the URL of every poll is another one.
            await cycle(60)
            before = memory.now()
            await cycle(60)
            # 500 bytes for each connection would be less than a session that is kept.
            assert memory.now() - before < 40_000
        assert max(sessions().values()) <= 2


# Silence


async def test_it_comes_back_from_half_open_connections(
    pinging_server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(pinging_server)
    async with client(proxy, transports=transports) as (socket, witness):
        for times in range(1, 3):
            if transports == TRANSPORTS["upgrade"]:
                await true(lambda: socket.io.transport_name == "websocket")
            proxy.freeze()
            socket.emit("number", times)
            await true(lambda: len(witness.disconnects) == times)  # noqa: B023 - waited for at once
            await is_well(socket)
        assert set(witness.disconnects) == {"ping timeout"}
        # Emitted before the silence was noticed: it is lost, as it always is without retries.
        assert pinging_server.numbers == []


async def test_it_may_leave_at_once_after_a_half_open_connection(
    pinging_server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(pinging_server)
    async with client(proxy, transports=transports) as (socket, witness):
        if transports == TRANSPORTS["upgrade"]:
            await true(lambda: socket.io.transport_name == "websocket")
        proxy.freeze()
        await true(lambda: witness.disconnects == ["ping timeout"])
        await is_well(socket)


async def test_it_may_leave_during_the_silence(
    pinging_server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(pinging_server)
    async with client(proxy, transports=transports) as (_, _):
        proxy.freeze()


async def test_it_goes_on_when_a_black_hole_is_gone(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with client(proxy, transports=transports, timeout=0.1) as (socket, witness):
        proxy.mode = "swallow"
        await cut_off(proxy, witness)
        await true(lambda: len(witness.errors) == 10)
        # It holds on to none of the attempts before.
        assert max(sessions().values()) <= 3
        proxy.mode = "pass"
        await is_well(socket)
        assert len(witness.disconnects) == 1
        error = witness.errors[-1]
        assert isinstance(error, ConnectError)
        assert str(error) == f"cannot connect to {proxy.url} by {transports[0]}: no answer within 0.1 s"


# Wrong answers


async def test_it_goes_on_when_a_proxy_has_stopped_to_answer_502(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    proxy.mode = "bad gateway"
    socket = antiphon.connect(proxy.url, transports=transports, **QUICK)
    witness = Witness(socket)
    await true(lambda: len(witness.errors) >= 3)
    proxy.mode = "pass"
    await is_well(socket)
    witness.errors, errors = [], witness.errors
    proxy.mode = "bad gateway"
    await cut_off(proxy, witness)
    await true(lambda: len(witness.errors) >= 3)
    proxy.mode = "pass"
    await is_well(socket)
    await socket.disconnect()
    witness.check()
    assert len(witness.disconnects) == 2
    for error in [*errors, *witness.errors]:
        assert isinstance(error, ConnectError)
        assert (error.status, error.body, error.transport) == (502, PAGE, transports[0])
        assert str(error).startswith(
            f"cannot connect to {proxy.url} by {transports[0]}: the server answered 502: <html>"
        )


async def test_it_stays_with_polling_while_a_proxy_spoils_the_upgrade(
    server: ChaosServer, proxy_to: ProxyTo, nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    proxy.spoils_websocket = True
    async with client(proxy) as (socket, witness):
        failed: list[Exception] = []
        socket.io.on("upgrade_error", failed.append)
        async with asyncio.timeout(30):
            # Some of the attempts to upgrade are cut off before they fail.
            while len(failed) < 3:
                await is_well(socket)
                assert socket.io.transport_name == "polling"
                await cut_off(proxy, witness)
        assert {getattr(error, "status", None) for error in failed} <= {502, None}
        proxy.spoils_websocket = False
        await cut_off(proxy, witness)
        await true(lambda: socket.io.transport_name == "websocket")


async def test_it_comes_back_when_nobody_listened_for_a_while(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with client(proxy, transports=transports) as (socket, witness):
        proxy.refuse()
        await cut_off(proxy, witness)
        await true(lambda: len(witness.errors) >= 5)
        refused = [str(error) for error in witness.errors]
        proxy.mode = "reset"
        proxy.listen()
        await true(lambda: len(witness.errors) >= len(refused) + 5)
        proxy.mode = "pass"
        await is_well(socket)
        assert set(refused) == {
            f"cannot connect to {proxy.url} by {transports[0]}: the connection was refused: nothing listens there"
        }
        assert len(witness.disconnects) == 1


async def test_what_is_emitted_offline_arrives_once(
    server: ChaosServer, proxy_to: ProxyTo, transports: list[str], nothing_left: Residue
) -> None:
    proxy = proxy_to(server)
    async with client(proxy, transports=transports) as (socket, witness):
        for first in range(0, 400, 20):
            proxy.refuse()
            await cut_off(proxy, witness, "rst" if first % 40 else "fin")
            for number in range(first, first + 20):
                socket.emit("number", number)
            proxy.listen()
            await true(lambda: len(server.numbers) >= first + 20)  # noqa: B023 - waited for at once
        await is_well(socket)
        assert server.numbers == list(range(400))
        assert len(witness.disconnects) == 20
