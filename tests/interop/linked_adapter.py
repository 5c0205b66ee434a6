"""An adapter that links servers of this process, each with an event loop of its own, as a real one links machines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from antiphon import Adapter, Handshake, Namespace, RemoteSocket, Room, Socket, SocketId
from antiphon.cluster.selection import BroadcastOptions
from antiphon.socketio.broadcast_acks import BroadcastAcks

Description = tuple[SocketId, Handshake, frozenset[Room], dict[str, object]]


class Link:
    """What the servers have in common: the adapters of each namespace.

    Attributes:
        life: what the adapters have noted about their beginning and end: namespace, event.
    """

    def __init__(self) -> None:
        self.life: list[tuple[str, str]] = []
        self._members: dict[str, list[LinkedAdapter]] = {}

    def adapter(self, nsp: Namespace) -> LinkedAdapter:
        """Make an adapter: what the option ``adapter`` gets."""
        return LinkedAdapter(nsp, self)

    def members(self, name: str) -> list[LinkedAdapter]:
        return list(self._members.get(name, ()))

    def add(self, adapter: LinkedAdapter) -> None:
        self._members.setdefault(adapter.nsp.name, []).append(adapter)

    def remove(self, adapter: LinkedAdapter) -> None:
        if adapter in self.members(adapter.nsp.name):
            self._members[adapter.nsp.name].remove(adapter)

    def life_of(self, name: str) -> list[str]:
        """Return what has been noted about the adapters of a namespace."""
        return [event for known, event in self.life if known == name]


class LinkedAdapter(Adapter):
    """Does what it is asked for the sockets here, and tells the others."""

    def __init__(self, nsp: Namespace, link: Link) -> None:
        super().__init__(nsp)
        self.link = link
        self.loop: asyncio.AbstractEventLoop | None = None

    async def init(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.link.life.append((self.nsp.name, "init begins"))
        await asyncio.sleep(0)
        self.link.add(self)
        self.link.life.append((self.nsp.name, "init ends"))

    async def close(self) -> None:
        self.link.life.append((self.nsp.name, "close begins"))
        await asyncio.sleep(0)
        self.link.remove(self)
        self.link.life.append((self.nsp.name, "close ends"))

    # What goes to and fro

    def _others(self, options: BroadcastOptions | None = None) -> list[LinkedAdapter]:
        if options is not None and options.flags.local:
            return []
        return [member for member in self.link.members(self.nsp.name) if member is not self]

    def tell(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the event loop of this adapter, from any thread."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(function, *args)

    async def server_count(self) -> int:
        return len(self._others()) + 1

    # Broadcasts

    def broadcast(self, event: Sequence[object], options: BroadcastOptions) -> Awaitable[None]:
        delivery = super().broadcast(event, options)
        for other in self._others(options):
            other.tell(Adapter.broadcast, other, event, options)
        return delivery

    def broadcast_with_ack(self, event: Sequence[object], options: BroadcastOptions, acks: BroadcastAcks) -> None:
        super().broadcast_with_ack(event, options, acks)
        for other in self._others(options):
            forwarded = ForwardedAcks(self, acks)
            acks.on_done(lambda other=other, forwarded=forwarded: other.tell(forwarded.expire))
            other.tell(Adapter.broadcast_with_ack, other, event, options, forwarded)

    # What is done to many

    async def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        found = await super().sockets(rooms)
        for other in self._others():
            found |= await self._ask(other, Adapter.sockets(other, rooms))
        return found

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[Socket | RemoteSocket]:
        found = list(await super().fetch_sockets(options))
        for other in self._others(options):
            descriptions = await self._ask(other, other.describe(options))
            found += [RemoteSocket(self.nsp, *description) for description in descriptions]
        return found

    async def describe(self, options: BroadcastOptions) -> list[Description]:
        return [(s.id, s.handshake, frozenset(s.rooms), dict(s.data)) for s in self.select(options)]

    @staticmethod
    async def _ask(other: LinkedAdapter, coroutine: Any) -> Any:
        assert other.loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, other.loop))

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        super().add_sockets(options, rooms)
        for other in self._others(options):
            other.tell(Adapter.add_sockets, other, options, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        super().del_sockets(options, rooms)
        for other in self._others(options):
            other.tell(Adapter.del_sockets, other, options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        super().disconnect_sockets(options, close)
        for other in self._others(options):
            other.tell(Adapter.disconnect_sockets, other, options, close)

    # Other servers

    def server_side_emit(self, event: Sequence[object], acks: BroadcastAcks | None) -> None:
        others = self._others()
        if acks is not None:
            acks.expect(len(others))
        for other in others:
            reply = None if acks is None else self._reply_to(acks)
            other.tell(other.nsp.on_server_side_emit, event, reply)

    def _reply_to(self, acks: BroadcastAcks) -> Callable[..., None]:
        return lambda *answer: self.tell(acks.answer, answer[0] if answer else None)


class ForwardedAcks(BroadcastAcks):
    """Passes on what the clients of another server have acknowledged, until it is over there or here."""

    def __init__(self, origin: LinkedAdapter, acks: BroadcastAcks) -> None:
        super().__init__(lambda error, responses: None)
        self._origin = origin
        self._acks = acks

    def expect(self, count: int, sids: Iterable[SocketId] = ()) -> None:
        self._origin.tell(self._acks.expect, count, list(sids))

    def answer(self, response: object, sid: SocketId | None = None) -> None:
        self._origin.tell(self._acks.answer, response, sid)

    def leave(self, sid: SocketId) -> None:
        self._origin.tell(self._acks.leave, sid)
