"""The fast path: uvicorn accepts, picows speaks WebSocket.

Name it to uvicorn as ``--ws antiphon.uvicorn:WebSocketProtocol``.
"""

from antiphon.uvicorn.http import HTTPProtocol
from antiphon.uvicorn.protocol import WebSocketProtocol

__all__ = ["HTTPProtocol", "WebSocketProtocol"]
