"""What the pages show is what is in ``examples/``, and it works."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import socketio
from running_examples import EXAMPLES, ROOT, load
from support import serving

PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]

_BLOCK = re.compile(r"^( *)```(python|html|js)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def sources(pattern: str) -> list[str]:
    return [path.read_text() for path in EXAMPLES.glob(pattern) if "node_modules" not in path.parts]


def is_part(block: str, sources: list[str]) -> bool:
    """Say whether a block is part of a file, as it stands there or moved to the left."""
    block = textwrap.dedent(block)
    return any(textwrap.indent(block, " " * depth) in source for source in sources for depth in range(0, 13, 2))


def connected(url: str, transport: str) -> Any:
    client = socketio.Client(reconnection=False)
    client.connect(url, transports=[transport], wait_timeout=10)
    return client


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_is_part_of_an_example(page: Path) -> None:
    programs, pages, scripts = sources("**/*.py"), sources("**/*.html"), sources("**/*.js")
    for _, language, title, block in _BLOCK.findall(page.read_text()):
        if language == "python":
            assert is_part(block, programs), block
        elif "index.html" in title or language == "html":
            assert is_part(block, pages), block
        else:
            assert is_part(block, scripts), block


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_hello_sends_a_message_to_everyone(way: str, transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(load("hello").io, way) as running:
        sender, receiver = connected(running.url, transport), connected(running.url, transport)
        heard: list[str] = []
        receiver.on("chat message", heard.append)
        assert sender.call("chat message", "hello", timeout=10) == "received"
        assert receiver.call("chat message", "and you", timeout=10) == "received"
        sender.disconnect()
        receiver.disconnect()
    assert heard == ["hello", "and you"]
    assert "connected" in capsys.readouterr().out


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_the_fastapi_example_tells_the_room_who_joins(way: str, transport: str) -> None:
    module = load("fastapi")
    with serving(module.app, way) as running:
        first, second = connected(running.url, transport), connected(running.url, transport)
        joined: list[str] = []
        first.on("joined", joined.append)
        first.call("join", "a", timeout=10)
        second.call("join", "a", timeout=10)
        first.call("join", "b", timeout=10)
        first.disconnect()
        second.disconnect()
    assert len(joined) == 1


def test_the_starlette_example_answers(way: str) -> None:
    with serving(load("starlette").app, way) as running:
        client = connected(running.url, "websocket")
        assert client.call("sum", (1, 2, 3.5), timeout=10) == 6.5
        client.disconnect()


def test_the_guide_authenticates_and_answers(way: str) -> None:
    with serving(load("guide").io, way) as running:
        welcomed: list[object] = []
        admin = socketio.Client(reconnection=False)
        admin.on("welcome", lambda *args: welcomed.append(args), namespace="/admin")
        admin.connect(running.url, namespaces=["/admin"], auth={"token": "secret"}, wait_timeout=10)
        first, second = connected(running.url, "websocket"), connected(running.url, "polling")
        second.on("question", lambda question: f"{question}? yes")
        assert first.call("ask everyone else", "are you there", timeout=10) == ["are you there? yes"]
        assert first.call("later", "x", timeout=10) == ("got", "x")
        assert first.call("slow", timeout=10) == "done"
        with pytest.raises(socketio.exceptions.ConnectionError):
            connected(f"{running.url}?blocked=1", "polling")
        for client in (admin, first, second):
            client.disconnect()
    assert welcomed == [("admin", b"\x01\x02")]
