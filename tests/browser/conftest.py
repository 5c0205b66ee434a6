"""Fixtures for the tests of the browser client: a Chromium, a server of each kind, and pages that visit it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from guests import SERVERS, Enter, GuestServer, Visit, guest_server, what_is_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from chat_in_chromium import CHROMIUM, chromium  # noqa: PLC0415 - it needs playwright

    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    if missing := what_is_missing(request.param):
        pytest.skip(missing)
    return str(request.param)


@pytest.fixture(scope="module")
def shared(kind: str) -> Iterator[GuestServer]:
    """A server that has no special options, and is not harmed."""
    with guest_server(kind) as server:
        yield server


@pytest.fixture(scope="module")
def pinging(kind: str) -> Iterator[GuestServer]:
    """A server that pings often, but waits long for the answer."""
    with guest_server(kind, pingInterval=100, pingTimeout=20_000) as server:
        yield server


@pytest.fixture(scope="module")
def idle() -> list[Visit]:
    """Pages that are left: to go somewhere else takes a tenth of the time that a new one takes."""
    return []


@pytest.fixture
def enter(browser: Browser, idle: list[Visit]) -> Iterator[Enter]:
    """Open a page, behind the relay or, directly, beside it."""
    visits: list[Visit] = []

    def start(server: GuestServer, script: str = "", *, direct: bool = False) -> Visit:
        visit = idle.pop() if idle and not script else Visit(browser, script)
        visits.append(visit)
        visit.page.goto(server.direct_url if direct else server.url)
        return visit

    yield start
    for visit in visits:
        visit.leave()
        if visit.has_script:
            visit.context.close()
        else:
            idle.append(visit)
