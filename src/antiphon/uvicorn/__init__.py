"""The fast path: uvicorn accepts, picows speaks WebSocket.

Name it to uvicorn as ``--ws antiphon.uvicorn:WebSocketProtocol --http antiphon.uvicorn:HTTPProtocol``.
"""

import asyncio

from antiphon.uvicorn import _http, _protocol

__all__ = ["HTTPProtocol", "WebSocketProtocol"]

# The types are what uvicorn asks for. The classes have more, of types that their libraries do not tell.
HTTPProtocol: type[asyncio.Protocol] = _http.HTTPProtocol
"""Answers polls without ASGI where nothing stands before the server: uvicorn's ``http``."""

WebSocketProtocol: type[asyncio.Protocol] = _protocol.WebSocketProtocol
"""Hands the connections of Socket.IO servers to picows, and all others to uvicorn: uvicorn's ``ws``."""
