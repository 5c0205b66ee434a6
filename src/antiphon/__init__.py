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
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.cookie import Cookie
from antiphon.server.cors import Cors
from antiphon.server.engine import ConnectionErrorEvent
from antiphon.server.handlers import Ack
from antiphon.server.handshake import Handshake
from antiphon.server.namespace import Namespace
from antiphon.server.options import HTTPCompression, PerMessageDeflate
from antiphon.server.request import Request
from antiphon.server.socket import Socket
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.parser import Parser
from antiphon.types import DisconnectReason, Room, SocketId

__all__ = [
    "Ack",
    "AckTimeout",
    "AntiphonError",
    "BroadcastOperator",
    "ConfigurationError",
    "ConnectionErrorEvent",
    "ConnectionRefused",
    "Cookie",
    "Cors",
    "DisconnectReason",
    "EncodeError",
    "HTTPCompression",
    "Handshake",
    "HandshakeError",
    "JSONParser",
    "Namespace",
    "PacketError",
    "Parser",
    "PerMessageDeflate",
    "RemoteProtocolError",
    "Request",
    "ReservedEventError",
    "Room",
    "Server",
    "Socket",
    "SocketDisconnected",
    "SocketId",
]
