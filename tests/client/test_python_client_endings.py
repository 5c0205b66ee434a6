"""The end: nothing is left of a client, and whoever has no event loop is told what to do."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import antiphon
import antiphon.sync
from antiphon import ConfigurationError, ConnectionRefused, Disconnected, ManagerState
from antiphon.types import TransportName
from hosts import Host
from interop_driver import until

WAYS: list[dict[str, Any]] = [
    {"transports": ["polling"]},
    {"transports": ["websocket"]},
    {"transports": ["polling", "websocket"]},
]


def open_sockets() -> set[str]:
    """Return the sockets that this process has open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")


@needs_proc
@pytest.mark.parametrize("options", WAYS, ids=["polling", "websocket", "upgrade"])
async def test_nothing_is_left_of_an_asyncio_client(host: Host, options: dict[str, Any]) -> None:
    before = open_sockets()
    for _ in range(3):
        async with antiphon.connect(host.url, **options) as socket:
            assert await socket.emit_with_ack("ask", 1) == 1
            assert open_sockets() - before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # The last bytes of TLS or of a close frame may take a turn of the loop.
        for _ in range(100):
            if open_sockets() <= before:
                break
            await asyncio.sleep(0.01)
        assert open_sockets() <= before


@needs_proc
async def test_nothing_is_left_of_a_client_that_ends_in_the_middle(host: Host) -> None:
    before = open_sockets()
    for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
        socket = antiphon.connect(host.url)
        await asyncio.sleep(delay)
        await socket.disconnect()
        await socket.io.finish()
        assert not socket.active
        assert asyncio.all_tasks() == {asyncio.current_task()}
    for _ in range(100):
        if open_sockets() <= before:
            break
        await asyncio.sleep(0.01)
    assert open_sockets() <= before


async def test_nothing_is_left_of_a_client_that_is_refused(host: Host, transport: TransportName) -> None:
    with pytest.raises(ConnectionRefused):
        async with antiphon.connect(host.url, transports=[transport], auth={"refuse": True}):
            pytest.fail("it was let in")
    for _ in range(200):
        if asyncio.all_tasks() == {asyncio.current_task()}:
            break
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_exception_in_the_block_goes_on(host: Host, transport: TransportName) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with antiphon.connect(host.url, transports=[transport]) as socket:
            raise ValueError("mine")
    assert not socket.active
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_cancelled_while_it_connects_leaves_nothing(host: Host) -> None:
    async def run() -> None:
        async with antiphon.connect("http://127.0.0.1:1"):
            pytest.fail("there is nothing")

    task = asyncio.ensure_future(run())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(200):
        if asyncio.all_tasks() == {asyncio.current_task()}:
            break
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_async_handlers_may_end_before_the_client_does(host: Host, transport: TransportName) -> None:
    ended = []
    async with antiphon.connect(host.url, transports=[transport]) as socket:

        @socket.on("echo")
        async def handle() -> None:
            await asyncio.sleep(0.05)
            ended.append(True)

        socket.emit("echo")
        assert await socket.emit_with_ack("ask", 1) == 1
    assert ended == [True]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("antiphon-")]


@needs_proc
@pytest.mark.parametrize("options", WAYS, ids=["polling", "websocket", "upgrade"])
def test_nothing_is_left_of_a_blocking_client(host: Host, options: dict[str, Any]) -> None:
    gc.collect()
    before = open_sockets()
    for _ in range(3):
        with antiphon.sync.connect(host.url, **options) as socket:
            socket.on("echo", lambda: None)
            socket.emit("echo")
            assert socket.emit_with_ack("ask", 1) == 1
            assert "antiphon-io" in threads()
        assert threads() == []
        assert socket.io.state is ManagerState.CLOSED
    assert open_sockets() <= before


def test_clients_share_a_thread_until_the_last_has_gone(host: Host) -> None:
    sockets = [antiphon.sync.connect(host.url, transports=["websocket"]) for _ in range(3)]
    assert threads().count("antiphon-io") == 1
    for socket in sockets[:2]:
        socket.disconnect()
    assert threads().count("antiphon-io") == 1
    assert sockets[2].emit_with_ack("ask", 1) == 1
    sockets[2].disconnect()
    assert threads() == []


def test_the_end_is_quick_although_a_handler_of_the_blocking_client_takes_its_time(
    host: Host, transport: TransportName
) -> None:
    going, began = threading.Event(), [0.0]

    def run() -> None:
        with antiphon.sync.connect(host.url, transports=[transport]) as socket:
            socket.on("echo", lambda: going.wait(20))
            socket.emit("echo")
            assert socket.emit_with_ack("ask", 1) == 1
            began[0] = time.monotonic()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run()
    assert time.monotonic() - began[0] < 5
    going.set()
    until(lambda: threads() == [])


def test_a_client_of_the_blocking_kind_is_used_again(host: Host, transport: TransportName) -> None:
    socket = antiphon.sync.connect(host.url, transports=[transport], auto_connect=False)
    assert not socket.connected
    for number in range(3):
        with socket:
            assert socket.emit_with_ack("ask", number) == number
        assert threads() == []
        assert not socket.active


def test_a_client_needs_an_event_loop_and_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"needs a running event loop: .* or take antiphon\.sync\.connect"):
        antiphon.connect("http://127.0.0.1:1")
    manager = antiphon.Manager("http://127.0.0.1:1", auto_connect=False)
    socket = manager.socket("/")
    with pytest.raises(ConfigurationError, match=r"needs a running event loop: .* or take antiphon\.sync"):
        socket.connect()


async def test_what_is_emitted_after_the_end_waits_for_the_next_connection(
    host: Host, transport: TransportName
) -> None:
    socket = await antiphon.connect(host.url, transports=[transport])
    await socket.disconnect()
    socket.emit("echo", "later")
    with pytest.raises(Disconnected):
        await socket
    seen = asyncio.get_running_loop().create_future()
    socket.on("echo", seen.set_result)
    async with socket:
        assert await seen == "later"
