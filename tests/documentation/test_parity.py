"""The parity table: every row has a test that runs in every way, or says why there is nothing to test."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "parity.md"

ROWS = [
    tuple(cell.strip() for cell in line.split("|")[1:-1])
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| official")
]

COUNTS = {"Server": 34, "Namespace": 21, "Socket": 37, "Client": 2, "Engine": 7, "Options of the server": 7,
          "Low-level engine options": 14, "Fields, events and values": 21, "Options of options": 28}  # fmt: skip
"""How many entries each section of the official pages has, counted by their headings; then what stands below these."""

EVERY_WAY = {("fast", "polling"), ("fast", "websocket"), ("asgi", "polling"), ("asgi", "websocket")}

NOT_EVERYWHERE = {
    "`new Server(port[, options])`": "a server that listens by itself is on the fast path",
    "`server.attach(port[, options])`": "a server that listens by itself is on the fast path",
    "`server.listen(port[, options])`": "a server that listens by itself is on the fast path",
    "`server.on(eventName, listener)`": "servers speak to each other, no client takes part",
    "`server.serverSideEmit(eventName[, ...args][, ack])`": "servers speak to each other, no client takes part",
    "`server.serverSideEmitWithAck(eventName[, ...args])`": "servers speak to each other, no client takes part",
    "`namespace.serverSideEmit(eventName[, ...args][, ack])`": "servers speak to each other, no client takes part",
    "`namespace.serverSideEmitWithAck(eventName[, ...args])`": "servers speak to each other, no client takes part",
    "`socket.compress(value)`": "an ASGI server compresses WebSocket messages by itself, and is not told which",
    "`perMessageDeflate`": "an ASGI server compresses WebSocket messages by itself",
    "`httpCompression`": "it is about poll responses",
    "`allowUpgrades`": "it is about clients that begin with polling",
    "`upgradeTimeout`": "it is about clients that begin with polling",
    "reason `parse error`": "the official client sends no such packet",
    "`connection_error`: `req`, `code` (0 to 5), `message`, `context`": "the official client makes few such requests",
    **{
        f"`cookie.{name}`": "it is an attribute for browsers"
        for name in ("domain", "httpOnly", "maxAge", "path", "sameSite", "secure")
    },
    "`cookie.name`": "it is set when a client begins with polling, as by the official server",
    **{
        f"`cors.{name}`": "it is a header for browsers"
        for name in ("methods", "allowedHeaders", "exposedHeaders", "credentials", "maxAge")
    },
    "`httpCompression.threshold`": "it is about poll responses",
    **{
        f"`perMessageDeflate.{name}`": "an ASGI server compresses WebSocket messages by itself"
        for name in (
            "threshold",
            "zlibDeflateOptions",
            "zlibInflateOptions",
            "clientNoContextTakeover",
            "serverNoContextTakeover",
            "serverMaxWindowBits",
        )
    },
    "`cookie`": "it is set when a client begins with polling, as by the official server",
}
"""The rows whose test does not run over every way of serving and both transports, and why."""


@cache
def collected() -> dict[str, list[str]]:
    """Return the parameters of every test, by file and name."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/interop"]
    command += ["tests/server", "tests/ways"]
    output = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=110).stdout
    tests: dict[str, list[str]] = {}
    for line in output.splitlines():
        match = re.fullmatch(r"(tests/\S+\.py)::(\w+)(?:\[(.*)\])?", line)
        if match:
            tests.setdefault(f"{match[1]}::{match[2]}", []).append(match[3] or "")
    return tests


def test_no_entry_of_the_official_pages_is_missing() -> None:
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    counts = {}
    for section in sections:
        title, _, body = section.partition("\n")
        counts[title] = sum(line.startswith("| ") for line in body.splitlines()) - 1
    assert counts == COUNTS
    assert len(ROWS) == sum(COUNTS.values())
    assert set(NOT_EVERYWHERE) <= {official for official, *_ in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_has_a_test_in_every_way_or_a_reason(row: tuple[str, ...]) -> None:
    official, _here, evidence = row
    if evidence.startswith("Absent: "):
        assert len(evidence) > 30
        return
    path, _, name = evidence.partition("::")
    file = path if path.startswith("tests/") else f"tests/interop/{path}"
    found = [test for test in collected() if test.startswith(f"{file}::{name}")]
    assert found, f"there is no {evidence}"
    if official in NOT_EVERYWHERE:
        return
    parameters = [set(re.split(r"[-,]", one)) for one in collected()[f"{file}::{name}"]]
    ways = {(way, transport) for way, transport in EVERY_WAY if any({way, transport} <= one for one in parameters)}
    assert ways == EVERY_WAY
