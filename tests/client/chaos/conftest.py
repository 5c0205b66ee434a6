"""Fixtures for the chaos that the Python client has to bear."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import warnings
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

# What a helper asserts is told of in full.
pytest.register_assert_rewrite("chaos_helpers")

from chaos_helpers import TRANSPORTS, Residue  # noqa: E402 - it lives there
from chaos_hosts import INTERVAL, KINDS, TIMEOUT, ChaosServer, chaos_server, what_is_missing  # noqa: E402
from chaos_proxy import ChaosProxy, chaos_proxy  # noqa: E402

STRANGERS = ("engineio", "socketio")
"""Loggers of python-socketio, of which threads of other tests may go on for a while."""

Serve = Callable[..., ChaosServer]


@pytest.fixture(autouse=True)
def nothing_of_others() -> None:
    """Collect what other tests, and the clients of others in them, have left: here it would be taken for ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of server."""
    if missing := what_is_missing(request.param):
        pytest.skip(missing)
    return str(request.param)


@pytest.fixture(params=list(TRANSPORTS))
def transports(request: pytest.FixtureRequest) -> list[str]:
    """Each way to carry packets."""
    return TRANSPORTS[request.param]


@pytest.fixture(params=["polling", "websocket"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each way to carry packets that does not change to another one."""
    return str(request.param)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What chance is made of; CHAOS_SEED in the environment is another one."""
    seed = int(os.environ.get("CHAOS_SEED") or zlib.crc32(request.node.name.encode()))
    # Shown when the test fails.
    print(f"CHAOS_SEED={seed}")  # noqa: T201
    return seed


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server, which runs until the test ends."""
    with ExitStack() as stack:

        def start(kind: str, **options: Any) -> ChaosServer:
            return stack.enter_context(chaos_server(kind, tmp_path / "numbers", **options))

        yield start


@pytest.fixture
def server(kind: str, serve: Serve) -> ChaosServer:
    """A server that pings as often as usual."""
    return serve(kind)


@pytest.fixture
def pinging_server(kind: str, serve: Serve) -> ChaosServer:
    """A server whose silence is noticed soon."""
    return serve(kind, interval=INTERVAL, timeout=TIMEOUT)


@pytest.fixture
def proxy_to(seed: int) -> Iterator[Callable[[ChaosServer], ChaosProxy]]:
    """Put a proxy in front of a server."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(chaos_proxy(server.port, seed))


@pytest_asyncio.fixture
async def nothing_left() -> AsyncIterator[Residue]:
    """See that no task of the test is left, and that no callback or task of the event loop has failed."""
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(repr(context)))
    residue = Residue()
    yield residue
    assert residue.tasks() == []
    assert problems == []


@pytest.fixture
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """See that the client logs no error: to be cut off is none."""
    yield
    errors = [record.getMessage() for when in ("setup", "call") for record in caplog.get_records(when)  # type: ignore[arg-type]
              if record.levelno >= logging.ERROR and record.name.partition(".")[0] not in STRANGERS]  # fmt: skip
    assert errors == []
