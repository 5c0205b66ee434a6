"""Each step of the tutorial is a program that works."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest

import socketio
from running_examples import EXAMPLES, WAIT, load, person, process
from support import Running, serving

STEPS = [f"tutorial/step_{number}" for number in range(1, 13)]
WITH_DATABASE = [f"tutorial/step_{number}" for number in (8, 9, 10, 11)]
AUTH = {"name": "Ada", "serverOffset": 0}


@pytest.fixture
def module(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The program of a step, with a folder of its own for its database."""
    monkeypatch.chdir(tmp_path)
    loaded = load(step)
    yield loaded
    if hasattr(loaded, "db"):
        loaded.db.close()


@pytest.fixture
def running(module: ModuleType) -> Iterator[Running]:
    with serving(getattr(module, "io", module.app), "fast") as running:
        yield running


def of_step(*numbers: int) -> Any:
    return pytest.mark.parametrize("step", [f"tutorial/step_{number}" for number in numbers])


def free_port() -> int:
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("step", STEPS)
async def test_each_step_serves_its_page(step: str, running: Running) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{running.url}/") as response:
        page = await response.text()
        assert response.status == 200
        assert response.content_type == "text/html"
    file = EXAMPLES / step / "index.html"
    assert page == (file.read_text() if file.exists() else "<h1>Hello world</h1>")


@of_step(3, 7)
async def test_a_step_tells_who_comes_and_goes(
    step: str, running: Running, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    @module.io.event("disconnect")
    def told(socket: Any) -> None:
        loop.call_soon_threadsafe(ended.set)

    async with person(running.url) as ada:
        ada_id = ada.id
    await asyncio.wait_for(ended.wait(), WAIT)
    lines = [line for line in capsys.readouterr().out.splitlines() if ada_id in line]
    assert len(lines) == 2


@of_step(4)
async def test_step_4_prints_messages(step: str, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    async with person(running.url) as ada:
        await ada.call("chat message", "hello")
    assert "message: hello" in capsys.readouterr().out


@of_step(5, 6, 7)
async def test_messages_reach_everyone(step: str, running: Running) -> None:
    async with person(running.url) as ada, person(running.url, transport="polling") as ben:
        await ada.emit("chat message", "hello")
        for one in (ada, ben):
            # With connection state recovery an offset comes last.
            assert (await one.hears_next())[:2] == ("chat message", "hello")


@of_step(6)
async def test_step_6_shows_what_else_there_is(step: str, running: Running) -> None:
    async with person(running.url) as ada, person(running.url, answers={"question": True}) as ben:
        assert await ada.call("add", 1, 2, 3) == 6
        assert await ada.call("ask the others", "ready?") == {"answers": [True], "silent": 0}
        await ben.hears("question", "ready?")
        assert await ada.call("join", "garden") == ["garden"]
        assert await ben.call("join", "garden") == ["garden"]
        await ada.hears("chat message", "Somebody joined garden.")
        await ada.emit("say in", "garden", "hello")
        for one in (ada, ben):
            await one.hears("chat message", "garden: hello")
        assert await ada.call("nonsense") == "nobody listens to 'nonsense'"


@pytest.mark.parametrize("step", WITH_DATABASE)
async def test_who_comes_later_gets_what_was_missed(step: str, running: Running) -> None:
    told = "Ada: " if step.endswith("11") else ""
    async with person(running.url, auth=AUTH) as ada:
        for number in (1, 2, 3):
            arguments = ["text"] if step.endswith("8") else [f"offset-{number}", "text"]
            await ada.call("chat message", *arguments)
            assert (await ada.hears_next())[:3] == ("chat message", f"{told}text", number)
    async with person(running.url, auth={"name": "Ben", "serverOffset": 1}) as ben:
        for number in (2, 3):
            assert (await ben.hears_next())[:3] == ("chat message", f"{told}text", number)


@of_step(9, 10, 11)
async def test_a_message_that_is_sent_twice_is_stored_once(step: str, running: Running, module: ModuleType) -> None:
    async with person(running.url, auth=AUTH) as ada:
        await ada.call("chat message", "same", "once")
        await ada.call("chat message", "same", "once")
        await ada.call("chat message", "other", "twice")
        heard = [await ada.hears_next() for _ in range(2)]
    assert [text.removeprefix("Ada: ") for _, text, *_ in heard] == ["once", "twice"]
    assert module.db.execute("SELECT count(*) FROM messages").fetchone() == (2,)


@of_step(8, 9, 10, 11)
async def test_everybody_gets_every_message_once_and_in_order(step: str, running: Running) -> None:
    arguments = (lambda n: [f"{n}"]) if step.endswith("8") else (lambda n: [f"{n}", f"{n}"])

    async def write(ada: Any) -> None:
        for number in range(50):
            await ada.emit("chat message", *arguments(number))

    async with person(running.url, auth=AUTH) as ada:
        writing = asyncio.create_task(write(ada))
        # They come while it is written.
        for _ in range(5):
            async with person(running.url, auth={"name": "Ben", "serverOffset": 0}) as ben:
                assert [(await ben.hears_next())[2] for _ in range(50)] == list(range(1, 51))
        await writing


@pytest.mark.parametrize("step", ["tutorial/step_10", "tutorial/step_11"])
async def test_two_processes_share_one_chat(step: str, tmp_path: Path) -> None:
    with process(step, free_port(), tmp_path) as first, process(step, free_port(), tmp_path) as second:
        async with person(first, auth=AUTH) as ada, person(second, auth={**AUTH, "name": "Ben"}) as ben:
            await ada.call("chat message", "a", "from Ada")
            for one in (ada, ben):
                assert (await one.hears_next())[2] == 1
            await ben.call("chat message", "b", "from Ben")
            for one in (ada, ben):
                assert (await one.hears_next())[2] == 2


@of_step(11, 12)
@pytest.mark.parametrize("auth", [None, {"name": ""}, {"name": "x" * 21}, {"name": ["Ada"]}])
async def test_nobody_gets_in_without_a_name(step: str, running: Running, auth: Any) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with person(running.url, auth=auth):
            pass


@of_step(12)
async def test_step_12_solves_the_homework(step: str, running: Running) -> None:
    async with person(running.url, auth={"name": "Ada"}) as ada:
        await ada.hears("online", ["Ada"])
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with person(running.url, auth={"name": "Ada"}):
                pass
        async with person(running.url, auth={"name": "Ben"}) as ben:
            await ada.hears("note", "Ben is here")
            for one in (ada, ben):
                await one.hears("online", ["Ada", "Ben"])
            await ben.emit("typing")
            await ada.hears("typing", "Ben")
            await ben.emit("chat message", "hello")
            await ada.hears("chat message", "Ben", "hello")
            assert await ada.call("whisper", "Ben", "psst")
            await ben.hears("chat message", "Ada (to you)", "psst")
            assert not await ada.call("whisper", "Eve", "psst")
        await ada.hears("note", "Ben is gone")
        await ada.hears("online", ["Ada"])
