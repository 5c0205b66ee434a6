"""Fixtures for the conformance tests: one server for each module and way of serving."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from support import WAYS


@pytest.fixture(scope="module", params=WAYS)
def served_way(request: pytest.FixtureRequest) -> str:
    """Each way of serving, for the whole module."""
    return str(request.param)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session
