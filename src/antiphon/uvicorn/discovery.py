"""Finds the Socket.IO servers inside an ASGI application, and where they are mounted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from antiphon.server.server import Server

__all__ = ["MountedServer", "find_servers"]

_MAX_DEPTH = 32


class MountedServer(NamedTuple):
    """A server and what stands in front of its own path."""

    root_path: str
    server: Server


def find_servers(app: object) -> list[MountedServer]:
    """Look for servers in an application, its middlewares and its mounts (Starlette, FastAPI)."""
    return list(_search(app, "", _MAX_DEPTH))


def _search(app: object, root_path: str, depth: int) -> Iterator[MountedServer]:
    if isinstance(app, Server):
        yield MountedServer(root_path, app)
    elif depth:
        for route in getattr(app, "routes", None) or ():
            inner = getattr(route, "app", None)
            path = getattr(route, "path", "")
            # A Mount has an application; the application of a plain route is its endpoint, wrapped.
            if inner is not None and not hasattr(route, "endpoint"):
                yield from _search(inner, root_path + path, depth - 1)
        inner = getattr(app, "app", None)
        if inner is not None and inner is not app:
            yield from _search(inner, root_path, depth - 1)
