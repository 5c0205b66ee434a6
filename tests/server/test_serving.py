"""How ``serve()`` begins and ends: whatever cuts it off, no port stays open, and no task runs on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Host

from antiphon import ConfigurationError, Server
from antiphon.uvicorn.loop import new_event_loop
from antiphon.uvicorn.runner import Runner
from peers import PATIENCE, Endpoint, eventually

LOOPS = {"asyncio": asyncio.new_event_loop, "ours": new_event_loop}


def listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def free_port() -> int:
    with listen() as listener:
        return int(listener.getsockname()[1])


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def record_task(io: Server) -> list[str]:
    """Run something in the background for as long as the server runs."""
    told: list[str] = []

    @io.background_task
    async def work() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    return told


def run(loop: Callable[[], asyncio.AbstractEventLoop], main: Any) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(main, PATIENCE * 2))


def others() -> set[Any]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("given", ["port", "sockets"])
@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_a_start_that_is_cancelled_leaves_nothing_behind(
    loop: Callable[[], asyncio.AbstractEventLoop], given: str
) -> None:
    async def cancel_after(turns: int) -> None:
        before = others()
        io = Server()
        told = record_task(io)
        if given == "port":
            port = free_port()
            serving = asyncio.create_task(io.serve(port=port, log_level="warning"))
        else:
            listener = listen()
            port = listener.getsockname()[1]
            serving = asyncio.create_task(io.serve(sockets=[listener], log_level="warning"))
        for _ in range(turns):
            await asyncio.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert told in ([], ["begun", "ended"])
        assert not io.is_running
        assert not is_open(port)
        await eventually(lambda: not others() - before)

    async def main() -> None:
        await asyncio.gather(*(cancel_after(turns) for turns in range(1, 15)))

    run(loop, main())


async def test_a_lifespan_that_does_not_begin_is_cancelled() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        told.append("begun")
        try:
            await asyncio.Event().wait()
            yield
        finally:
            told.append("ended")

    io = Server(app=Starlette(lifespan=lifespan))
    work = record_task(io)
    listener = listen()
    serving = asyncio.create_task(io.serve(sockets=[listener], log_level="warning"))
    await eventually(lambda: told and work)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert told == work == ["begun", "ended"]
    assert not io.is_running
    assert listener.fileno() == -1


async def test_a_start_that_fails_leaves_nothing_behind() -> None:
    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        raise RuntimeError("no database")
        yield

    io = Server(app=Starlette(lifespan=lifespan))
    work = record_task(io)
    with pytest.raises(ConfigurationError):
        await io.serve(port=free_port(), log_level="critical")
    assert work in ([], ["begun", "ended"])
    assert not io.is_running


async def test_a_port_that_is_taken_leaves_nothing_behind() -> None:
    io = Server()
    work = record_task(io)
    with listen() as listener, pytest.raises(ConfigurationError):
        await io.serve(port=listener.getsockname()[1], log_level="critical")
    assert work in ([], ["begun", "ended"])
    assert not io.is_running


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_servers_of_hosts_are_closed_with_the_rest(http: Any, how: str) -> None:
    io = Server()
    ends: list[str] = []
    io.event("disconnect")(lambda _, reason: ends.append(reason))
    runner = Runner(Starlette(routes=[Host("127.0.0.1", io)]), "127.0.0.1", 0, log_level="warning")
    listener = listen()
    address = "http://{}:{}/socket.io/".format(*listener.getsockname())
    serving = asyncio.create_task(runner.serve([listener]))
    async with Endpoint(http, address).socket() as peer:
        if how == "stopped":
            runner.stop()
        else:
            serving.cancel()
        await peer.close_code()
        await asyncio.wait((serving,))
    assert ends == ["server shutting down"]
    assert serving.cancelled() is (how == "cancelled")
