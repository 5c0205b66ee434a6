"""Chaos around the blocking client: it comes back, and its threads end with it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chaos_helpers import QUICK, Residue, Witness, sessions, until
from chaos_hosts import ChaosServer
from chaos_proxy import ChaosProxy

import antiphon.sync
from antiphon import AckTimeout, Disconnected

ProxyTo = Callable[[ChaosServer], ChaosProxy]

pytestmark = [pytest.mark.filterwarnings("error::ResourceWarning"), pytest.mark.usefixtures("no_errors")]


@contextlib.contextmanager
def client(
    url: str, proxy: ChaosProxy | None = None, *, shares: bool = False, **options: Any
) -> Iterator[tuple[antiphon.sync.Socket, Witness]]:
    """Connect a client, and see that nothing is left of it in the end; yields it and its witness.

    Args:
        url: where it connects.
        proxy: is closed in the end.
        shares: others need the proxy.
        options: of the client.
    """
    residue = Residue()
    with antiphon.sync.connect(url, **{**QUICK, **options}) as socket:
        witness = Witness(socket)
        yield socket, witness
    # Its handlers have all run by now.
    witness.check()
    assert residue.threads() == []
    if not shares:
        # The connections of a proxy do not count.
        if proxy is not None:
            proxy.close()
        assert residue.files() == []


def is_well(socket: antiphon.sync.Socket) -> None:
    """See that events go both ways."""
    until(lambda: socket.connected)
    assert socket.emit_with_ack("poke", timeout=10) is True


def gets_well(socket: antiphon.sync.Socket) -> None:
    """See that events go both ways; the first may be what finds out about the last cut."""
    with contextlib.suppress(Disconnected):
        is_well(socket)
        return
    is_well(socket)


def test_it_comes_back_from_cuts_at_random(server: ChaosServer, proxy_to: ProxyTo, transports: list[str]) -> None:
    proxy = proxy_to(server)
    with client(proxy.url, proxy, transports=transports) as (socket, witness):
        proxy.cut_at_random(40, 8_000 if transports == ["websocket"] else 20_000)

        def poke_on() -> None:
            while proxy.is_cutting:
                with contextlib.suppress(Disconnected, AckTimeout):
                    socket.emit_with_ack("poke", "x" * 50, timeout=3)

        # It may be used in several threads.
        threads = [threading.Thread(target=poke_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not proxy.is_cutting
        gets_well(socket)
        assert len(witness.disconnects) > 10


def test_it_survives_a_server_that_is_killed_again_and_again(
    server: ChaosServer, kind: str, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pytest keeps of the log has the errors, and what they happened to.
    monkeypatch.setattr(logging.getLogger("antiphon.client"), "disabled", True)
    with client(server.url, transports=[transport]) as (socket, witness):
        number = 0
        until(lambda: witness.is_greeted)
        # Node.js takes its time to start; the asyncio client below bears fifty of that, too.
        for times in range(1, 51 if kind == "antiphon" else 11):
            server.kill()
            until(lambda: not socket.connected)
            for _ in range(5):
                socket.emit("number", number)
                number += 1
            server.start()
            until(lambda: len(server.numbers) >= number)  # noqa: B023 - waited for at once
            until(lambda: len(witness.greetings) == times + 1)  # noqa: B023
            assert socket.emit_with_ack("poke") is True
            assert (witness.connects, len(witness.disconnects)) == (times + 1, times)
        assert server.numbers == list(range(number))
        # An error knows what it happened to.
        witness.errors.clear()
        assert max(sessions().values()) <= 2


def test_it_comes_back_from_half_open_connections(
    pinging_server: ChaosServer, proxy_to: ProxyTo, transport: str
) -> None:
    proxy = proxy_to(pinging_server)
    with client(proxy.url, proxy, transports=[transport]) as (socket, witness):
        for times in range(1, 3):
            proxy.freeze()
            until(lambda: len(witness.disconnects) == times)  # noqa: B023 - waited for at once
            is_well(socket)
        assert set(witness.disconnects) == {"ping timeout"}


def test_it_ends_in_the_middle_of_chaos(server: ChaosServer, proxy_to: ProxyTo, transport: str) -> None:
    proxy = proxy_to(server)
    with client(proxy.url, shares=True, transports=[transport]):
        proxy.refuse()
        proxy.cut()
    proxy.listen()
    with client(proxy.url, proxy, transports=[transport], timeout=0.2) as (_, witness):
        proxy.mode = "swallow"
        while not witness.disconnects:
            # Polling may be between two requests, and does not mind then.
            proxy.cut()
            time.sleep(0.01)
        until(lambda: len(witness.errors) >= 2)


def test_twenty_clients_one_after_the_other_leave_nothing(
    server: ChaosServer, proxy_to: ProxyTo, transport: str
) -> None:
    proxy = proxy_to(server)
    residue = Residue()
    for _ in range(20):
        with client(proxy.url, shares=True, transports=[transport]) as (socket, witness):
            while not witness.disconnects:
                # Polling may be between two requests, and does not mind then.
                proxy.cut()
                time.sleep(0.01)
            gets_well(socket)
            proxy.cut()
    proxy.close()
    assert residue.files() == []
