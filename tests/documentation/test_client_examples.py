"""The examples of the Python clients: they run, and say what the pages say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from running_examples import EXAMPLES, WAIT, load
from support import serving

TOUR = [
    "-- chat",
    "somebody says hi",
    "the data is {'name': 'weather'}",
    "-- answer",
    "the server got 40",
    "-- iterate",
    "number [1]",
    "number [2]",
    "number [3]",
    "the server has disconnected",
    "-- namespaces",
    "refused: wrong token {'hint': 'it is secret'}",
    "admin is connected: True and shares the connection: True",
    "-- authenticate",
    "admin is connected: True",
    "-- watch",
    "disconnected: io client disconnect ",
    "-- at_least_once",
    "the last one was received",
    "-- find_out",
    "cannot connect to http://localhost:1 by polling: the connection was refused: nothing listens there",
]
"""What the tour prints, in this order; more may be between."""


@pytest.fixture
def url() -> Iterator[str]:
    with serving(load("python_client", "server").io, "fast") as running:
        yield running.url


def run(program: str, url: str) -> list[str]:
    command = [sys.executable, "-X", "dev", str(EXAMPLES / program), url]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=4 * WAIT, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr, finished.stderr
    assert "ResourceWarning" not in finished.stderr, finished.stderr
    assert "Unclosed" not in finished.stderr, finished.stderr
    return finished.stdout.splitlines()


def test_the_tour_prints_what_the_page_says(url: str) -> None:
    lines = iter(run("python_client/main.py", url))
    assert [line for line in TOUR if line in lines] == TOUR


def test_the_blocking_tour_does_the_same(url: str) -> None:
    printed = run("python_client/blocking.py", url)
    later = printed.index("-- receive")
    # A handler prints as well, in another thread: that may come between the words of a line.
    chat = "\n".join(printed[:later])
    assert all(words in chat for words in ("-- chat", "somebody says", "hi", "the data is", "{'name': 'weather'}"))
    assert printed[later:] == [
        "-- receive",
        "the first event is welcome with 1 argument",
        "number [1]",
        "number [2]",
        "number [3]",
        "the server has disconnected",
        "-- wait",
        "the server got 40",
    ]


@pytest.mark.parametrize("kind", ["", "simple_"])
def test_a_client_of_python_socketio_does_the_same_as_the_one_it_became(kind: str, url: str) -> None:
    before = subprocess.run(
        [sys.executable, str(EXAMPLES / "client_migration" / f"{kind}before.py"), url],
        capture_output=True,
        text=True,
        timeout=4 * WAIT,
        check=True,
    )
    assert len(before.stdout.splitlines()) >= 3
    assert run(f"client_migration/{kind}after.py", url) == before.stdout.splitlines()
