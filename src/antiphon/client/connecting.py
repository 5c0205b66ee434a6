"""``antiphon.connect()``: one line to a server.

Source: JavaScript, ``io()`` of ``socket.io-client`` (``client-initialization.md``).
"""

from __future__ import annotations

import asyncio
from typing import Any, Unpack, cast
from weakref import WeakKeyDictionary, WeakSet

from antiphon.client.address import Address
from antiphon.client.manager import Manager
from antiphon.client.options import ManagerOptionsDict, SocketOptionsDict
from antiphon.client.socket import ClientSocket
from antiphon.errors import ConfigurationError

__all__ = ["ConnectOptionsDict", "connect", "namespace_of", "split_options"]


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
    manager_options, socket_options, shares = split_options(options)
    manager = Manager(url, **manager_options)
    nsp = namespace_of(Address.parse(url), namespace)
    if shares:
        known = _managers.setdefault(loop, WeakSet())
        manager = next((shared for shared in known if _can_share(shared, manager, nsp)), manager)
        known.add(manager)
    return manager.socket(nsp, **socket_options)


def split_options(options: ConnectOptionsDict) -> tuple[ManagerOptionsDict, SocketOptionsDict, bool]:
    """Tell the options of the connection from those of the socket; and whether the connection may be shared."""
    given: dict[str, Any] = dict(options)
    shares = given.pop("multiplex", True) and not given.pop("force_new", False)
    of_socket = {name: given.pop(name) for name in SocketOptionsDict.__annotations__ if name in given}
    return cast("ManagerOptionsDict", given), cast("SocketOptionsDict", of_socket), shares


def _can_share(shared: Manager, manager: Manager, nsp: str) -> bool:
    """Whether a connection that is there may be used instead of a new one."""
    return (
        shared.address.origin == manager.address.origin
        and shared.options == manager.options
        and shared.network.query == manager.network.query
        and nsp not in shared.nsps
        and any(socket.active for socket in shared.nsps.values())
    )


def namespace_of(address: Address, given: str | None) -> str:
    """Return the namespace that is meant.

    Raises:
        ConfigurationError: the URL says one and the argument another.
    """
    if given is None:
        return address.namespace
    if address.namespace not in ("/", given):
        raise ConfigurationError(
            f"the path of the URL is the namespace, {address.namespace!r}, and namespace= says {given!r}: which one? "
            "(where the server is mounted is said by path=)"
        )
    return given
