"""``antiphon.connect()``: one line to a server.

Source: JavaScript, ``io()`` of ``socket.io-client`` (``client-initialization.md``).
"""

from __future__ import annotations

import asyncio
from typing import Unpack, cast
from weakref import WeakKeyDictionary, WeakSet

from antiphon.client.address import Address
from antiphon.client.manager import Manager
from antiphon.client.options import ManagerOptionsDict, SocketOptionsDict
from antiphon.client.socket import ClientSocket
from antiphon.errors import ConfigurationError

__all__ = ["ConnectOptionsDict", "connect"]

_SOCKET_OPTIONS = frozenset(SocketOptionsDict.__annotations__)


class ConnectOptionsDict(ManagerOptionsDict, SocketOptionsDict, total=False):
    """The options of :func:`connect`: those of the connection, those of the socket, and whether to share."""

    multiplex: bool
    force_new: bool


_managers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[Manager]] = WeakKeyDictionary()
"""The managers that may be shared, by event loop."""


def connect(
    url: str = "http://localhost:3000", *, namespace: str | None = None, **options: Unpack[ConnectOptionsDict]
) -> ClientSocket:
    """Connect to a Socket.IO server.

    It returns at once, and connects in the background, again and again if need be. To wait for the connection, await
    what is returned, or use it in ``async with``::

        async with antiphon.connect("http://localhost:3000") as socket:
            socket.emit("hello", "world")

    Handlers that are registered before the next ``await`` get every event. Two calls with the same server and options
    share one connection, if they are for different namespaces.

    Args:
        url: where the server is; its path is the namespace, as in JavaScript.
        namespace: the namespace, if it is not in the URL.
        options: see :class:`~antiphon.client.options.ClientOptions` and
            :class:`~antiphon.client.options.SocketOptions`; besides ``force_new=True``, or ``multiplex=False``, for a
            connection of its own.

    Raises:
        ConfigurationError: the URL is none, an option makes no sense, or no event loop runs here.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "antiphon.connect() needs a running event loop: call it in an async function, or take antiphon.sync.connect"
        ) from None
    socket_options = cast("SocketOptionsDict", {key: options[key] for key in options if key in _SOCKET_OPTIONS})  # type: ignore[literal-required]
    shares = options.pop("multiplex", True) and not options.pop("force_new", False)
    manager_options = cast("ManagerOptionsDict", {key: options[key] for key in options if key not in _SOCKET_OPTIONS})  # type: ignore[literal-required]
    manager = Manager(url, **manager_options)
    nsp = _namespace(Address.parse(url), namespace)
    if shares:
        known = _managers.setdefault(loop, WeakSet())
        manager = next((shared for shared in known if _can_share(shared, manager, nsp)), manager)
        known.add(manager)
    return manager.socket(nsp, **socket_options)


def _can_share(shared: Manager, manager: Manager, nsp: str) -> bool:
    """Whether a connection that is there may be used instead of a new one."""
    return (
        shared.address.origin == manager.address.origin
        and shared.options == manager.options
        and shared.network.query == manager.network.query
        and nsp not in shared.nsps
        and any(socket.active for socket in shared.nsps.values())
    )


def _namespace(address: Address, given: str | None) -> str:
    if given is None:
        return address.namespace
    if address.namespace not in ("/", given):
        raise ConfigurationError(
            f"the path of the URL is the namespace, {address.namespace!r}, and namespace= says {given!r}: which one? "
            "(where the server is mounted is said by path=)"
        )
    return given
