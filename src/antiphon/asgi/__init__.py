"""How any ASGI server reaches the Socket.IO server."""
