"""The server, on asyncio: Engine.IO and its transports, Socket.IO on top. It does not know who calls it."""
