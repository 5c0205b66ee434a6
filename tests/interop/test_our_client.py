"""Our JavaScript client in Node.js, through the tests that were written for the official one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from interop_driver import Node, node_process
from test_api_recovery import *  # noqa: F403
from test_api_recovery_edges import *  # noqa: F403
from test_interop_acks import *  # noqa: F403
from test_interop_disconnects import *  # noqa: F403
from test_interop_events import *  # noqa: F403
from test_interop_namespaces import *  # noqa: F403

# Ours does not send what is too large: tests/browser.
del test_a_message_that_is_too_large_is_refused  # type: ignore[name-defined] # noqa: F821


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Node]:
    with node_process(ours=True) as node:
        yield node


@pytest.fixture
def new_node() -> Callable[[], AbstractContextManager[Node]]:
    return partial(node_process, ours=True)


@pytest.fixture(params=["fast"])
def way(request: pytest.FixtureRequest) -> str:
    """One way of serving: it is about the client."""
    return str(request.param)
