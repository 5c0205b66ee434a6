"""The same without an event loop: `python server.py`, then `python blocking.py`."""

import sys

from antiphon.sync import connect

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"


def chat() -> None:
    with connect(URL) as socket:

        @socket.on("chat message")
        def chat_message(text: str) -> None:
            print("somebody says", text)

        socket.emit("chat message", "hi")
        reply = socket.emit_with_ack("get data", "weather", timeout=5)
        print("the data is", reply)


def receive() -> None:
    with connect(URL) as socket:
        event, *args = socket.receive(timeout=5)
        print("the first event is", event, "with", len(args), "argument")
        socket.emit("count", 3)
        for event, *args in socket:
            print(event, args)
        print("the server has disconnected")


def wait() -> None:
    with connect(URL) as socket:

        @socket.on("question")
        def question(number: int) -> int:
            return number * 2

        socket.emit("ask me")
        print("the server got", socket.wait_for("answer", timeout=5))


if __name__ == "__main__":
    for part in (chat, receive, wait):
        print(f"-- {part.__name__}")
        part()
