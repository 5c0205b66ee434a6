"""Namespaces that are made when a client asks for them: by pattern, or by a function.

Source: JavaScript, ``ParentNamespace`` of ``socket.io``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from antiphon.cluster.selection import BroadcastOptions
from antiphon.errors import ConfigurationError
from antiphon.server.adapter import Adapter
from antiphon.server.namespace import Namespace
from antiphon.socketio.broadcast_acks import BroadcastAcks
from antiphon.types import Room

if TYPE_CHECKING:
    from antiphon.server.server import Server

__all__ = ["NamespaceFunction", "NamespaceMatch", "ParentNamespace"]

NamespaceFunction: TypeAlias = Callable[[str, Mapping[str, object]], "bool | Awaitable[bool]"]
"""Tells whether a namespace is to be made, by its name and what the client gave as ``auth``."""

NamespaceMatch: TypeAlias = "re.Pattern[str] | NamespaceFunction"

_numbers = itertools.count()


class ParentNamespace(Namespace):
    """Makes namespaces, its children, and speaks to all of them at once.

    Each child begins with the handlers and middlewares that the parent has when it is made.

    Args:
        server: the server.
        match: a pattern that is searched for in the name that is asked for, or a function of the name and the auth.
        child_class: the class of the children.

    Attributes:
        children: the namespaces that were made.
        is_last: whether it is asked when all others have refused.
    """

    def __init__(self, server: Server, match: NamespaceMatch, child_class: type[Namespace] = Namespace) -> None:
        self._match = match
        self.child_class = child_class
        self.children: set[Namespace] = set()
        self.is_last = False
        super().__init__(server, f"/_{next(_numbers)}")

    def _make_adapter(self) -> Adapter:
        return _ParentAdapter(self)

    def check_acks(self) -> NoReturn:
        """Raise: which children exist is different on each server, so nobody knows whose answers to wait for.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("acknowledgements are not supported on parent namespaces: ask one of its children")

    @property
    def match(self) -> NamespaceMatch:
        """The pattern, or the function."""
        return self._match

    @property
    def is_pattern(self) -> bool:
        """Whether it can tell by the name alone."""
        return isinstance(self._match, re.Pattern)

    def allows(self, name: str, auth: Mapping[str, object]) -> object:
        """Tell whether it makes a namespace of this name; the answer may have to be awaited."""
        if isinstance(self._match, re.Pattern):
            return self._match.search(name) is not None
        return self._match(name, auth)

    def create_child(self, name: str) -> Namespace:
        """Make a namespace."""
        child = self.child_class(self.server, name)
        child.adopt(self.registry)
        self.children.add(child)
        return child


class _ParentAdapter(Adapter):
    """Passes on to the adapters of the children."""

    nsp: ParentNamespace

    def broadcast(self, event: Sequence[object], options: BroadcastOptions) -> Awaitable[None]:
        """Send an event to the sockets of all children."""
        return _All([child.adapter.broadcast(event, options) for child in list(self.nsp.children)])

    def broadcast_with_ack(
        self,
        event: Sequence[object],  # noqa: ARG002
        options: BroadcastOptions,  # noqa: ARG002
        acks: BroadcastAcks,  # noqa: ARG002
    ) -> NoReturn:
        """Raise, see :meth:`ParentNamespace.check_acks`."""
        self.nsp.check_acks()

    async def fetch_sockets(self, options: BroadcastOptions) -> NoReturn:  # noqa: ARG002
        """Raise: which children exist is different on each server.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("fetch_sockets() is not supported on parent namespaces: ask one of its children")

    async def sockets(self, rooms: Collection[Room]) -> NoReturn:  # noqa: ARG002
        """Raise, as :meth:`fetch_sockets`.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("all_sockets() is not supported on parent namespaces: ask one of its children")

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        """Make the sockets of all children join rooms."""
        for child in list(self.nsp.children):
            child.adapter.add_sockets(options, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        """Make the sockets of all children leave rooms."""
        for child in list(self.nsp.children):
            child.adapter.del_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        """Disconnect the sockets of all children."""
        for child in list(self.nsp.children):
            child.adapter.disconnect_sockets(options, close)


class _All:
    """Waits for several deliveries."""

    def __init__(self, deliveries: Sequence[Awaitable[None]]) -> None:
        self._deliveries = deliveries

    def __await__(self) -> Generator[object, None, None]:
        for delivery in self._deliveries:
            yield from delivery.__await__()
