"""The blocking client, for scripts, threads, consoles and notebooks.

::

    from antiphon.sync import connect

    with connect("http://localhost:3000") as socket:

        @socket.on("news")
        def news(value):
            print(value)

        print(socket.emit_with_ack("get data", timeout=5))
        for event, *args in socket:
            print(event, args)

It is the asyncio client in a thread of its own. Handlers run in another thread, one after the other, and may block. All
methods may be called from any thread.
"""

from antiphon.sync.connecting import connect
from antiphon.sync.emitter import Emitter
from antiphon.sync.manager import Manager
from antiphon.sync.socket import Socket

__all__ = ["Emitter", "Manager", "Socket", "connect"]
