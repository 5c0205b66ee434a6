"""Loads and runs what is in ``examples/``, and connects people to it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import socketio

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WAIT = 15.0
"""Seconds until something that is waited for counts as missing."""


def load(folder: str, name: str = "main") -> ModuleType:
    """Run a file of an example as a module of its own."""
    spec = importlib.util.spec_from_file_location(
        f"example_{folder}_{name}".replace("/", "_"), EXAMPLES / folder / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Person:
    """Somebody with a client, which notes what it hears."""

    def __init__(self, namespace: str = "/", answers: dict[str, Any] | None = None) -> None:
        self.namespace = namespace
        self.client = socketio.AsyncClient(reconnection=False)
        self._heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        answers = answers or {}

        def note(event: str, *args: Any) -> Any:
            self._heard.put_nowait((event, *args))
            return answers.get(event)

        self.client.on("*", note, namespace=namespace)

    @property
    def id(self) -> str:
        return str(self.client.get_sid(self.namespace))

    async def emit(self, event: str, *args: Any) -> None:
        await self.client.emit(event, args, namespace=self.namespace)

    async def call(self, event: str, *args: Any) -> Any:
        return await self.client.call(event, args, namespace=self.namespace, timeout=WAIT)

    async def hears(self, *expected: Any) -> None:
        """Wait for the next event, which must be this one."""
        heard = await asyncio.wait_for(self._heard.get(), WAIT)
        assert heard == expected, f"{heard} is not {expected}"

    async def hears_next(self) -> tuple[Any, ...]:
        """Wait for the next event and return it."""
        return await asyncio.wait_for(self._heard.get(), WAIT)

    async def leave(self) -> None:
        await self.client.disconnect()


@contextlib.asynccontextmanager
async def person(
    url: str,
    *,
    auth: dict[str, Any] | None = None,
    namespace: str = "/",
    answers: dict[str, Any] | None = None,
    transport: str = "websocket",
) -> AsyncIterator[Person]:
    """Connect somebody; ``answers`` tells what is acknowledged."""
    somebody = Person(namespace, answers)
    await somebody.client.connect(url, auth=auth, namespaces=[namespace], transports=[transport], wait_timeout=WAIT)
    try:
        yield somebody
    finally:
        await somebody.leave()


@contextlib.contextmanager
def process(folder: str, port: int, cwd: Path) -> Iterator[str]:
    """Run ``python main.py PORT`` as users do, until the block ends; its address is given."""
    command = [sys.executable, str(EXAMPLES / folder / "main.py"), str(port)]
    with subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            for line in running.stderr:
                if "Uvicorn running" in line:
                    break
            else:
                raise RuntimeError(f"{folder} did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.communicate(timeout=WAIT)
