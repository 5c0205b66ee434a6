"""Who the client is, if proxies stand between: what uvicorn's ``proxy_headers`` does for ASGI."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

__all__ = ["find_peer"]

Peer = tuple[str, int]


def find_peer(
    config: Config, client: Peer | None, headers: Sequence[tuple[bytes, bytes]], *, secure: bool
) -> tuple[Peer | None, bool]:
    """Return the address of the client and whether it uses TLS, as seen by a trusted proxy if there is one.

    Args:
        config: of uvicorn.
        client: the address of the peer.
        headers: of the request, names in lower case.
        secure: whether the peer uses TLS.
    """
    if not config.proxy_headers:
        return client, secure
    for name, _ in headers:
        if name[:12] == b"x-forwarded-":
            break
    else:
        return client, secure
    scope: dict[str, Any] = {
        "type": "http",
        "client": client,
        "scheme": "https" if secure else "http",
        "headers": headers,
    }
    middleware = ProxyHeadersMiddleware(_no_app, config.forwarded_allow_ips or "127.0.0.1")
    coroutine: Any = middleware(cast("Any", scope), cast("Any", None), cast("Any", None))
    with suppress(StopIteration):
        coroutine.send(None)  # it does not wait for anything
    found = scope["client"]
    return (found[0], found[1]) if found else None, scope["scheme"] == "https"


async def _no_app(*_arguments: object) -> None:
    """Stand in for the application behind the middleware."""
