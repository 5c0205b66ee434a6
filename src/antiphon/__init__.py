"""Socket.IO for Python.

::

    from antiphon import Server

    io = Server()

    @io.on("connection")
    async def connection(socket):
        socket.emit("hello", "world")

    io.run(port=3000)

and a client of it::

    import antiphon

    async with antiphon.connect("http://localhost:3000") as socket:
        async for event, *args in socket.events():
            print(event, args)

In programs without an event loop, ``antiphon.sync.connect`` does the same.
"""

from antiphon.application import Server
from antiphon.client.connecting import connect
from antiphon.client.emitter import ClientEmitter
from antiphon.client.manager import Manager
from antiphon.client.options import ClientOptions, SocketOptions
from antiphon.client.socket import ClientSocket
from antiphon.client.states import ManagerState, SocketState
from antiphon.client.stream import EventStream
from antiphon.cluster.recovery import RestoredSession, Session
from antiphon.cluster.selection import BroadcastFlags, BroadcastOptions
from antiphon.common.deflate import PerMessageDeflate
from antiphon.common.handlers import Ack
from antiphon.errors import (
    AckTimeout,
    AntiphonError,
    BufferFull,
    ConfigurationError,
    ConnectError,
    ConnectionRefused,
    Disconnected,
    EncodeError,
    HandshakeError,
    PacketError,
    PayloadTooLarge,
    RemoteProtocolError,
    ReservedEventError,
    SocketDisconnected,
    TransportError,
)
from antiphon.event import Event
from antiphon.server.adapter import Adapter
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.cookie import Cookie
from antiphon.server.cors import Cors
from antiphon.server.engine_events import ConnectionErrorEvent
from antiphon.server.handshake import Handshake
from antiphon.server.namespace import Namespace
from antiphon.server.options import ConnectionStateRecovery, HTTPCompression
from antiphon.server.registry import on
from antiphon.server.remote_socket import RemoteSocket
from antiphon.server.request import Request
from antiphon.server.session_aware_adapter import SessionAwareAdapter
from antiphon.server.socket import Socket
from antiphon.socketio.broadcast_acks import BroadcastAcks, Responses
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.parser import Parser
from antiphon.types import DisconnectReason, Room, SocketId

__all__ = [
    "Ack",
    "AckTimeout",
    "Adapter",
    "AntiphonError",
    "BroadcastAcks",
    "BroadcastFlags",
    "BroadcastOperator",
    "BroadcastOptions",
    "BufferFull",
    "ClientEmitter",
    "ClientOptions",
    "ClientSocket",
    "ConfigurationError",
    "ConnectError",
    "ConnectionErrorEvent",
    "ConnectionRefused",
    "ConnectionStateRecovery",
    "Cookie",
    "Cors",
    "DisconnectReason",
    "Disconnected",
    "EncodeError",
    "Event",
    "EventStream",
    "HTTPCompression",
    "Handshake",
    "HandshakeError",
    "JSONParser",
    "Manager",
    "ManagerState",
    "Namespace",
    "PacketError",
    "Parser",
    "PayloadTooLarge",
    "PerMessageDeflate",
    "RemoteProtocolError",
    "RemoteSocket",
    "Request",
    "ReservedEventError",
    "Responses",
    "RestoredSession",
    "Room",
    "Server",
    "Session",
    "SessionAwareAdapter",
    "Socket",
    "SocketDisconnected",
    "SocketId",
    "SocketOptions",
    "SocketState",
    "TransportError",
    "connect",
    "on",
]
