"""Socket.IO for Python.

::

    from antiphon import Server

    io = Server()

    @io.on("connection")
    async def connection(socket):
        socket.emit("hello", "world")

    io.run(port=3000)
"""

from antiphon.application import Server
from antiphon.cluster.recovery import RestoredSession, Session
from antiphon.cluster.selection import BroadcastFlags, BroadcastOptions
from antiphon.common.deflate import PerMessageDeflate
from antiphon.common.handlers import Ack
from antiphon.errors import (
    AckTimeout,
    AntiphonError,
    ConfigurationError,
    ConnectionRefused,
    EncodeError,
    HandshakeError,
    PacketError,
    RemoteProtocolError,
    ReservedEventError,
    SocketDisconnected,
)
from antiphon.event import Event
from antiphon.server.adapter import Adapter
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.cookie import Cookie
from antiphon.server.cors import Cors
from antiphon.server.engine import ConnectionErrorEvent
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
    "ConfigurationError",
    "ConnectionErrorEvent",
    "ConnectionRefused",
    "ConnectionStateRecovery",
    "Cookie",
    "Cors",
    "DisconnectReason",
    "EncodeError",
    "Event",
    "HTTPCompression",
    "Handshake",
    "HandshakeError",
    "JSONParser",
    "Namespace",
    "PacketError",
    "Parser",
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
    "on",
]
