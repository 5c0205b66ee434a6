"""A simple client of python-socketio. simple_after.py is the same for Antiphon."""

import sys

import socketio

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"

with socketio.SimpleClient() as sio:
    sio.connect(URL, transports=["websocket"])
    event, name = sio.receive(timeout=5)
    print("the first event is", event)
    print("the data is", sio.call("get data", "weather", timeout=5))
    sio.emit("chat message", "hi")
    print("the next is", sio.receive(timeout=5))
