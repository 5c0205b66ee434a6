"""A simple client of Antiphon. simple_before.py is the same for python-socketio."""

import sys

from antiphon.sync import connect

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"

with connect(URL, transports=["websocket"]) as socket:
    event, name = socket.receive(timeout=5)
    print("the first event is", event)
    print("the data is", socket.emit_with_ack("get data", "weather", timeout=5))
    socket.emit("chat message", "hi")
    print("the next is", list(socket.receive(timeout=5)))
