"""The examples of the pages that show how to do one thing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import socketio
from antiphon import Server, Socket
from running_examples import EXAMPLES, WAIT, Person, load, person
from support import Running, serving

# The emit cheatsheet


@pytest.fixture(scope="module")
def sheet() -> Iterator[tuple[ModuleType, Running]]:
    module = load("emit_cheatsheet")
    with serving(module.io, "fast") as running:
        yield module, running


@pytest.fixture
async def ada(sheet: tuple[ModuleType, Running]) -> AsyncIterator[Person]:
    async with person(sheet[1].url, answers={"question": "yes"}) as ada:
        yield ada


@pytest.fixture
async def ben(sheet: tuple[ModuleType, Running]) -> AsyncIterator[Person]:
    async with person(sheet[1].url, answers={"question": "no"}) as ben:
        sheet[0].io.to(ben.id).sockets_join("room1", "room2")
        yield ben


async def run_in(running: Running, coroutine: Any) -> Any:
    """Run a coroutine in the loop of the server."""
    future = asyncio.run_coroutine_threadsafe(coroutine, running.loop)
    return await asyncio.wait_for(asyncio.wrap_future(future), WAIT)


async def call_in(running: Running, function: Any, *args: Any) -> Any:
    """Call a function in the thread of the server."""

    async def call() -> Any:
        return function(*args)

    return await run_in(running, call())


def socket_of(io: Server, somebody: Person) -> Socket:
    return io.sockets.sockets[somebody.id]


async def test_the_cheatsheet_emits_to_one_client(sheet: tuple[ModuleType, Running], ada: Person) -> None:
    module, running = sheet
    await run_in(running, module.to_one_client(socket_of(module.io, ada)))
    await ada.hears("hello", 1, "2", {"3": "4", "5": b"\x06"})
    await ada.hears("message", "hello")
    for _ in range(3):
        await ada.hears("hello")


async def test_the_cheatsheet_waits_for_an_answer(
    sheet: tuple[ModuleType, Running], ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    module, running = sheet
    await run_in(running, module.with_an_answer(socket_of(module.io, ada)))
    for _ in range(4):
        await ada.hears("question", "ready?")
    assert capsys.readouterr().out == "yes\n"


async def test_the_cheatsheet_has_functions_called_with_an_answer(
    sheet: tuple[ModuleType, Running], ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    module, running = sheet
    await call_in(running, module.with_a_function, socket_of(module.io, ada))
    for _ in range(2):
        await ada.hears("question", "ready?")
    # What is sent later has come later: the answers are there.
    await run_in(running, socket_of(module.io, ada).emit_with_ack("question", "now?"))
    assert capsys.readouterr().out == "answered: ('yes',)\nerror: None answer: ('yes',)\n"


async def test_the_cheatsheet_emits_to_many(sheet: tuple[ModuleType, Running], ada: Person, ben: Person) -> None:
    module, running = sheet
    async with person(running.url, namespace="/admin") as admin:
        await call_in(running, module.to_many, socket_of(module.io, ada))
        await admin.hears("hello")
        # all; without room1; by id; local; volatile
        assert [(await ada.hears_next())[0] for _ in range(5)] == ["hello", "hello", "hello", "hello", "position"]
        # all; but the sender; room1; room1 but the sender; three times room1 and room2; local; volatile; team twice
        heard = [(await ben.hears_next())[0] for _ in range(11)]
        assert heard == ["hello"] * 8 + ["position", "hello", "goodbye"]


async def test_the_cheatsheet_waits_for_many_answers(
    sheet: tuple[ModuleType, Running], ada: Person, ben: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    module, running = sheet
    await run_in(running, module.to_many_with_answers(socket_of(module.io, ada)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["no", f"{{'{ben.id}': 'no'}} set()"]


async def test_the_cheatsheet_emits_from_other_threads(sheet: tuple[ModuleType, Running], ada: Person) -> None:
    module, running = sheet
    socket = socket_of(module.io, ada)
    await asyncio.to_thread(module.from_another_thread, socket)
    for _ in range(2):
        await ada.hears("progress", 50)
    assert await asyncio.to_thread(module.answers_in_another_thread, socket, running.loop) == "yes"


async def test_the_cheatsheet_emits_to_other_servers(sheet: tuple[ModuleType, Running]) -> None:
    module, running = sheet
    await call_in(running, module.to_other_servers)


# Typed events


async def test_typed_events_are_events() -> None:
    module = load("typed_events")
    with serving(module.io, "fast") as running:
        async with person(running.url, answers={"confirm": True}) as ada, person(running.url) as ben:
            assert await ada.call("rename", "Ada") is True
            await ada.hears("confirm", "Be Ada from now on?")
            await ada.emit("move", 1.5, 2)
            await ben.hears("moved", ada.id, {"x": 1.5, "y": 2})


def test_type_checkers_find_what_the_page_says(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "--no-error-summary"]
    command += ["--config-file", "", "main.py", "wrong.py"]
    result = subprocess.run(command, cwd=EXAMPLES / "typed_events", capture_output=True, text=True, check=False)
    found = {line.partition(": error")[0] for line in result.stdout.splitlines()}
    assert found == {"wrong.py:8", "wrong.py:14"}, result.stdout


# Namespaces and middlewares


@pytest.fixture(scope="module")
def namespaces() -> Iterator[tuple[ModuleType, Running]]:
    module = load("namespaces")
    with serving(module.io, "fast") as running:
        yield module, running


async def test_a_middleware_decides_who_gets_in(namespaces: tuple[ModuleType, Running]) -> None:
    _, running = namespaces
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with person(running.url, namespace="/admin", auth={"token": "wrong"}):
            pass
    async with (
        person(running.url, namespace="/admin", auth={"token": "secret"}) as admin,
        person(running.url) as ada,
    ):
        await admin.hears("welcome", "admin")
        assert ada.client.connected
        await admin.call("kick everyone")
        await asyncio.wait_for(ada.client.wait(), WAIT)


async def test_a_middleware_of_events_keeps_them_from_handlers(namespaces: tuple[ModuleType, Running]) -> None:
    _, running = namespaces
    async with person(running.url) as ada:
        await ada.emit("say", "x" * 101)
        await ada.hears("refused", "say is too long")
        await ada.emit("say", "x" * 100)
        await ada.hears("said", "x" * 100)


async def test_a_class_may_be_a_namespace(namespaces: tuple[ModuleType, Running]) -> None:
    _, running = namespaces
    async with person(running.url, namespace="/rooms") as ada:
        await ada.hears("rooms", [])
        assert await ada.call("enter", "garden") == 1
        await ada.hears("entered", ada.id)
        async with person(running.url, namespace="/rooms") as ben:
            ben_id = ben.id
            await ben.call("enter", "garden")
            await ada.hears("entered", ben_id)
            await ben.emit("chat message", "garden", "hello")
            await ada.hears("chat message", "hello")
        await ada.hears("left", ben_id)


async def test_namespaces_are_made_when_somebody_asks(namespaces: tuple[ModuleType, Running]) -> None:
    module, running = namespaces
    async with (
        person(running.url, namespace="/tenant-1") as one,
        person(running.url, namespace="/tenant-2") as two,
        person(running.url, namespace="/private/x", auth={"key": "x"}) as private,
    ):
        await one.hears("tenant", "/tenant-1")
        await two.hears("tenant", "/tenant-2")
        await call_in(running, module.tell_all_tenants, "hello")
        for tenant in (one, two):
            await tenant.hears("news", "hello")
        await private.emit("say", "psst")
        await private.hears("said", "psst")
    for nobody, auth in (("/tenant-x", None), ("/private/x", {"key": "y"})):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with person(running.url, namespace=nobody, auth=auth):
                pass


# Delivery


async def test_a_large_download_does_not_pile_up(way: str) -> None:
    module = load("delivery")
    with serving(module.io, way) as running:
        async with person(running.url) as ada:
            # Ten times max_send_buffer_size.
            assert await ada.call("download", 100) == 100
            pieces = [await ada.hears_next() for _ in range(100)]
    assert [number for _, number, *_ in pieces] == list(range(100))


async def test_events_are_repeated_until_they_are_acknowledged() -> None:
    module = load("delivery")
    with serving(module.io, "fast") as running:
        async with person(running.url, answers={"parcel": True}) as ada, person(running.url) as ben:
            assert await ada.call("deliver", "book") is True
            await ada.hears("parcel", "book")
            await ada.emit("move", 1, 2)
            assert (await ben.hears_next())[:3] == ("moved", 1, 2)


# An adapter


async def test_the_adapter_connects_servers() -> None:
    module = load("adapter")
    bus = module.Bus()
    servers = [module.make_server(bus) for _ in range(2)]
    rooms = module.watch_rooms(servers[0])
    async with AsyncExitStack() as stack:
        running = [stack.enter_context(serving(io, "fast")) for io in servers]
        ada, ben = [await stack.enter_async_context(person(server.url)) for server in running]
        for one in (ada, ben):
            await one.call("join", "garden")
        await ada.emit("say", "garden", "hello")
        await ben.hears("said", "hello")

        await call_in(running[0], servers[0].emit, "all")
        for one in (ada, ben):
            await one.hears("all")
        await call_in(running[0], servers[0].local.emit, "here")
        await ada.hears("here")

        servers[0].server_side_emit("reload", "settings")
        await ben.hears("reloaded", "settings")

        await call_in(running[0], servers[0].in_("garden").sockets_join, "house")
        await call_in(running[1], servers[1].to("house").emit, "tea")
        for one in (ada, ben):
            await one.hears("tea")
        await call_in(running[1], servers[1].sockets_leave, "house")
        await call_in(running[1], servers[1].to("house").emit, "nobody hears this")
        await call_in(running[0], servers[0].emit, "end")
        for one in (ada, ben):
            await one.hears("end")
        await call_in(running[1], servers[1].disconnect_sockets)
        for one in (ada, ben):
            await asyncio.wait_for(one.client.wait(), WAIT)
    assert "garden" in rooms


# Moving from python-socketio


@pytest.mark.parametrize("version", ["before", "after"])
async def test_a_program_does_the_same_before_and_after_it_has_moved(version: str) -> None:
    module = load("migration", version)
    with serving(getattr(module, "app", None) or module.io, "asgi") as running:
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with person(running.url, auth={"token": "wrong"}):
                pass
        async with (
            person(running.url, auth={"token": "secret", "name": "Ada"}, answers={"question": "yes"}) as ada,
            person(running.url, namespace="/admin") as admin,
        ):
            async with person(running.url, auth={"token": "secret", "name": "Ben"}) as ben:
                assert await ben.call("chat message", "hello") == "received"
                await ada.hears("chat message", "Ben", "hello")
                assert await ada.call("ask_me", "ready?") == "yes"
                await ada.hears("question", "ready?")
                await ada.call("count", 3)
                for number in range(3):
                    await ada.hears("counted", number)
                assert await ada.call("nonsense") == "no handler for nonsense"
            assert (await ada.hears_next())[0] == "left"
            await ada.call("leave")
            await admin.emit("tell", "hello")
            await admin.hears("told", "hello")
