"""The parity tables: every row has a test that runs in every way, or says why there is nothing to test."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "parity.md"

CLIENT = "Browser client: "
"""What the titles of the client's sections begin with."""

PYTHON = "Python client: "
"""The same for the client in Python."""


def rows_by_section() -> dict[str, list[tuple[str, ...]]]:
    sections = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("| ") and not line.startswith("| official")]
        sections[title] = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines]
    return sections


SECTIONS = rows_by_section()
ROWS = [row for title, rows in SECTIONS.items() for row in rows if not title.startswith((CLIENT, PYTHON))]
CLIENT_ROWS = [row for title, rows in SECTIONS.items() for row in rows if title.startswith(CLIENT)]
PYTHON_ROWS = [row for title, rows in SECTIONS.items() for row in rows if title.startswith(PYTHON)]

COUNTS = {"Server": 34, "Namespace": 21, "Socket": 37, "Client": 2, "Engine": 7, "Options of the server": 7,
          "Low-level engine options": 14, "Fields, events and values": 21, "Options of options": 28}  # fmt: skip
"""How many entries each section of the official pages has, counted by their headings; then what stands below these."""

CLIENT_COUNTS = {"io": 2, "Manager": 15, "Socket": 31, "options of io": 2, "low-level engine options": 16,
                 "options of Node.js": 8, "options of the manager": 8, "options of a socket": 3,
                 "fields, events and values": 41, "what these pages do not name": 28}  # fmt: skip
"""The same for each client. The options of Node.js are a list below a heading; the last section is on neither page."""

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
    "`serveClient`": "it is about files, not about transports",
}
"""The rows whose test does not run over every way of serving and both transports, and why."""

BOTH_SERVERS = {"antiphon", "official"}

NOT_WITH_BOTH = {
    "transport `WebTransport`": "neither server has it here; the unit tests speak with a stream",
}
"""The rows of the client whose test does not run against Antiphon and the official server, and why."""

BOTH_FACES = {"asyncio", "blocking"}

PYTHON_NOT_WITH_BOTH = {
    "`connect_error` from a server of Socket.IO 2": "neither is of that version; a server of our own is",
    "`requestTimeout`": "neither server is silent",
    "`timeout`": "neither server is silent",
}
"""The rows of the client in Python whose test does not run against Antiphon and the official server, and why."""

PYTHON_NOT_WITH_BOTH_FACES = {
    "`forceNew`": "the blocking connect() always makes a connection of its own",
    "`multiplex`": "the blocking connect() always makes a connection of its own",
    "a namespace that is used twice has two connections": "the blocking connect() always makes a connection of its own",
    "`manager.open([callback])`": "a manager of the blocking client is opened by its sockets",
    "`manager.engine`": "it is used in the event loop",
    "`engine` event `packet`": "the blocking client does not tell of packets",
    "manager event `packet`": "the blocking client does not tell of packets",
    "`engine` event `drain`": "a blocking emit() waits by itself when too much has piled up",
}
"""The rows whose test does not run with the asyncio client and the blocking one, and why."""


@cache
def collected() -> dict[str, list[str]]:
    """Return the parameters of every test, by file and name."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/interop"]
    command += ["tests/server", "tests/ways", "tests/browser", "tests/client"]
    output = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=110).stdout
    tests: dict[str, list[str]] = {}
    for line in output.splitlines():
        match = re.fullmatch(r"(tests/\S+\.py)::(\w+)(?:\[(.*)\])?", line)
        if match:
            tests.setdefault(f"{match[1]}::{match[2]}", []).append(match[3] or "")
    return tests


def parameters_of(test: str) -> list[set[str]]:
    return [set(re.split(r"[-,]", one)) for one in collected()[test]]


def test_no_entry_of_the_official_pages_is_missing() -> None:
    counts = dict(COUNTS)
    for client in (CLIENT, PYTHON):
        counts |= {f"{client}{title}": count for title, count in CLIENT_COUNTS.items()}
    assert {title: len(rows) for title, rows in SECTIONS.items()} == counts


def test_both_clients_have_the_same_entries() -> None:
    for title in CLIENT_COUNTS:
        ours, browser = (SECTIONS[f"{client}{title}"] for client in (PYTHON, CLIENT))
        assert [official for official, *_ in ours] == [official for official, *_ in browser]


def test_exceptions_are_about_rows_that_are_there() -> None:
    assert set(NOT_EVERYWHERE) <= {official for official, *_ in ROWS}
    assert set(NOT_WITH_BOTH) <= {official for official, *_ in CLIENT_ROWS}
    assert set(PYTHON_NOT_WITH_BOTH) | set(PYTHON_NOT_WITH_BOTH_FACES) <= {official for official, *_ in PYTHON_ROWS}


@pytest.mark.parametrize("rows", [ROWS, CLIENT_ROWS, PYTHON_ROWS], ids=["server", "client", "python"])
def test_no_entry_is_there_twice(rows: list[tuple[str, ...]]) -> None:
    # Events, flags and options may have the same name in several sections.
    methods = [official for official, *_ in rows if "." in official]
    assert [name for name in set(methods) if methods.count(name) > 1] == []


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
    parameters = parameters_of(f"{file}::{name}")
    ways = {(way, transport) for way, transport in EVERY_WAY if any({way, transport} <= one for one in parameters)}
    assert ways == EVERY_WAY


def check_row(row: tuple[str, ...], folder: str) -> set[str]:
    """Check that a row of a client has a test or a reason; return the parameters of the test, none of a reason."""
    _official, here, evidence = row
    if evidence.startswith("Absent: "):
        assert not here
        assert re.fullmatch(r"Absent: (as `\w+`|.{25,})", evidence)
        return set()
    test = f"{folder}/{evidence}"
    assert here
    assert test in collected(), f"there is no {evidence}"
    return {"", *set().union(*parameters_of(test))}


@pytest.mark.parametrize("row", CLIENT_ROWS, ids=lambda row: row[0])
def test_each_row_of_the_client_has_a_test_with_both_servers_or_a_reason(row: tuple[str, ...]) -> None:
    parameters = check_row(row, "tests/browser")
    assert not parameters or row[0] in NOT_WITH_BOTH or parameters >= BOTH_SERVERS


@pytest.mark.parametrize("row", PYTHON_ROWS, ids=lambda row: row[0])
def test_each_row_of_the_python_client_has_a_test_or_a_reason(row: tuple[str, ...]) -> None:
    parameters = check_row(row, "tests/client")
    if parameters:
        assert row[0] in PYTHON_NOT_WITH_BOTH or parameters >= BOTH_SERVERS
        assert row[0] in PYTHON_NOT_WITH_BOTH_FACES or parameters >= BOTH_FACES
