"""Fixtures for the tests of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from console_guests import ANTIPHON, Open, Run, ShownServer
from pty_terminal import PATIENCE, Terminal


@pytest.fixture(scope="session")
def server() -> Iterator[ShownServer]:
    server = ShownServer()
    yield server
    server.stop()


@pytest.fixture
def own_server() -> Iterator[ShownServer]:
    """A server that the test may kill."""
    server = ShownServer()
    yield server
    server.stop()


@pytest.fixture
def run() -> Run:
    """Run a command to its end."""

    def run(*arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:  # noqa: A002 - as subprocess calls it
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        finished = subprocess.run(
            [*ANTIPHON, *arguments],
            input=input,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=3 * PATIENCE,
            check=False,
            env=environment,
        )
        assert "Traceback" not in finished.stderr, finished.stderr
        return finished

    return run


@pytest.fixture
def open_terminal() -> Iterator[Open]:
    """Run a command in a terminal."""
    terminals = []

    def open_terminal(*arguments: str, **options: object) -> Terminal:
        terminals.append(Terminal([*ANTIPHON, *arguments], **options))  # type: ignore[arg-type]
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.close()
