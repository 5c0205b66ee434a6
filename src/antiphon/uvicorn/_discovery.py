"""Finds the Socket.IO servers inside an ASGI application, and which of them a request is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from antiphon.server.routing import find_rest
from antiphon.server.server import Server

__all__ = ["MountedServer", "find_server", "find_servers"]

_MAX_DEPTH = 32


class MountedServer(NamedTuple):
    """A server and what stands in front of it.

    Attributes:
        root_path: what stands in front of its own path.
        server: the server.
        needs_asgi: whether requests have to go by ASGI, for they pass something of the user first, or are for a file.
        needs_host: whether it depends on more than the path which requests are for it: WebSockets go by ASGI too.
    """

    root_path: str
    server: Server
    needs_asgi: bool
    needs_host: bool = False


_servers: WeakKeyDictionary[Config, list[MountedServer]] = WeakKeyDictionary()
_found: WeakKeyDictionary[Config, dict[bytes, MountedServer | None]] = WeakKeyDictionary()
"""What was found before, by path: there are few that many ask for."""

_MAX_FOUND = 1000
_MAX_FOUND_SIZE = 200
"""Bytes of a path that is remembered: anybody may ask for any path."""


def find_server(config: Config, raw_path: bytes) -> MountedServer | None:
    """Return the server that a request is for, None if it is for something else.

    Args:
        config: of uvicorn.
        raw_path: as the client wrote it, percent-encoded.
    """
    found = _found.get(config)
    if found is None:
        found = _found[config] = {}
    elif raw_path in found:
        return found[raw_path]
    mounted = _find(config, raw_path)
    if len(raw_path) <= _MAX_FOUND_SIZE:
        if len(found) >= _MAX_FOUND:
            found.clear()
        found[raw_path] = mounted
    return mounted


def _find(config: Config, raw_path: bytes) -> MountedServer | None:
    servers = _servers.get(config)
    if servers is None:
        servers = _servers[config] = find_servers(config.loaded_app)
    root = config.root_path
    path = root + unquote(raw_path.decode("latin-1"))
    for mounted in servers:
        if mounted.needs_host:
            continue
        mount = root + mounted.root_path
        rest = find_rest(path, mount, mounted.server.options.prefix) if path.startswith(mount) else None
        if rest is not None:
            is_file = mounted.server.engine.browser_files.find(rest) is not None
            return mounted._replace(needs_asgi=mounted.needs_asgi or is_file)
    return None


def find_servers(app: object) -> list[MountedServer]:
    """Look for servers in an application, its middlewares and its mounts (Starlette, FastAPI)."""
    outermost = app
    while isinstance(outermost, ProxyHeadersMiddleware):
        # uvicorn has put it there; what it does is done in _proxy.py.
        outermost = outermost.app
    found = _search(app, "", _MAX_DEPTH, by_host=False)
    return [mounted._replace(needs_asgi=mounted.server is not outermost) for mounted in found]


def _search(app: object, root_path: str, depth: int, *, by_host: bool) -> Iterator[MountedServer]:
    if isinstance(app, Server):
        yield MountedServer(root_path, app, needs_asgi=True, needs_host=by_host)
    elif depth:
        by_host = by_host or hasattr(app, "host_regex")  # a Host that is no route of anything
        for route in getattr(app, "routes", None) or ():
            inner = getattr(route, "app", None)
            path = getattr(route, "path", None)
            # A Mount has an application; the application of a plain route is its endpoint, wrapped.
            if inner is None or hasattr(route, "endpoint"):
                continue
            # One without a path is a Host: the route of all paths of a host. So those behind it are for other hosts.
            by_host = by_host or path is None
            yield from _search(inner, root_path + (path or ""), depth - 1, by_host=by_host)
        inner = getattr(app, "app", None)
        if inner is not None and inner is not app:
            yield from _search(inner, root_path, depth - 1, by_host=by_host)
