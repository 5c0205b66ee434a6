"""``antiphon.sync.connect()``: one line to a server, blocking."""

from __future__ import annotations

from typing import Unpack

from antiphon.client.address import Address
from antiphon.client.connecting import ConnectOptionsDict, namespace_of, split_options
from antiphon.sync.manager import Manager
from antiphon.sync.socket import Socket

__all__ = ["connect"]


def connect(
    url: str = "http://localhost:3000", *, namespace: str | None = None, **options: Unpack[ConnectOptionsDict]
) -> Socket:
    """Connect to a Socket.IO server, and wait until that is done, however many attempts it takes.

    ::

        with connect("http://localhost:3000") as socket:
            socket.emit("hello", "world")

    Args:
        url: where the server is; its path is the namespace, as in JavaScript.
        namespace: the namespace, if it is not in the URL.
        options: see :class:`antiphon.ClientOptions` and :class:`antiphon.SocketOptions`. With ``fail_fast=True`` the
            first attempt is the only one. With ``auto_connect=False`` it does not connect yet: :meth:`Socket.connect`
            does. Each call makes a connection of its own; ``socket.io.socket(...)`` shares it.

    Raises:
        ConfigurationError: the URL is none, or an option makes no sense.
        ConnectionRefused: the server does not let the client in.
        ConnectError: the connection was given up.
    """
    manager_options, socket_options, _ = split_options(options)
    waits = manager_options.get("auto_connect", True)
    manager = Manager(url, **manager_options)
    nsp = namespace_of(Address.parse(url), namespace)
    socket = manager.make_socket(nsp, socket_options)
    return socket.connect() if waits else socket
