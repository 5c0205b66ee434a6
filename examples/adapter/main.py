"""An adapter that connects the servers of one process. In its place a real one has Redis, NATS or a socket."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

from antiphon import Adapter, BroadcastAcks, BroadcastOptions, Namespace, Room, Server, Socket

Listener = Callable[[tuple[Any, ...]], None]


class Bus:
    """Carries messages to all who listen, as the publish and subscribe of a broker does."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def subscribe(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def unsubscribe(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def publish(self, *message: Any) -> None:
        for listener in list(self._listeners):
            listener(message)


class BusAdapter(Adapter):
    def __init__(self, nsp: Namespace, bus: Bus) -> None:
        super().__init__(nsp)
        self._bus = bus
        self._id = uuid4().hex

    def init(self) -> None:
        self._bus.subscribe(self._on_message)

    def close(self) -> None:
        self._bus.unsubscribe(self._on_message)

    # What is done here is done here, and told to the other servers.

    def _publish(self, what: str, options: BroadcastOptions, *arguments: object) -> None:
        if not options.flags.local:
            self._bus.publish(self._id, self.nsp.name, what, options, arguments)

    def broadcast(self, event: Sequence[object], options: BroadcastOptions) -> Awaitable[None]:
        self._publish("broadcast", options, event)
        return super().broadcast(event, options)

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        self._publish("add_sockets", options, rooms)
        super().add_sockets(options, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        self._publish("del_sockets", options, rooms)
        super().del_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        self._publish("disconnect_sockets", options, close)
        super().disconnect_sockets(options, close)

    def server_side_emit(self, event: Sequence[object], acks: BroadcastAcks | None) -> None:
        self._publish("server_side_emit", BroadcastOptions(), event)
        if acks is not None:
            # This one carries no answers back.
            acks.expect(0)

    # What the other servers tell is done here only.

    def _on_message(self, message: tuple[Any, ...]) -> None:
        # A broker may call from any thread; sockets belong to the event loop of their server.
        self.nsp.server.call(self._do, *message)

    def _do(self, sender: str, nsp: str, what: str, options: BroadcastOptions, arguments: Sequence[Any]) -> None:
        if sender == self._id or nsp != self.nsp.name:
            return
        if what == "broadcast":
            super().broadcast(*arguments, options)
        elif what == "server_side_emit":
            self.nsp.on_server_side_emit(*arguments)
        elif what == "add_sockets":
            super().add_sockets(options, *arguments)
        elif what == "del_sockets":
            super().del_sockets(options, *arguments)
        elif what == "disconnect_sockets":
            super().disconnect_sockets(options, *arguments)


def make_server(bus: Bus) -> Server:
    io = Server(adapter=lambda nsp: BusAdapter(nsp, bus))

    @io.event("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)

    @io.event("say")
    def say(socket: Socket, room: str, text: str) -> None:
        socket.to(room).emit("said", text)

    @io.on("reload")
    def reload(what: str) -> None:
        io.local.emit("reloaded", what)

    return io


def watch_rooms(io: Server) -> list[str]:
    rooms: list[str] = []

    @io.sockets.adapter.on("create-room")
    def created(room: str) -> None:
        rooms.append(room)

    return rooms
