"""The server, on asyncio: the Engine.IO server and its transports, and Socket.IO on top. It does not know who calls it."""
