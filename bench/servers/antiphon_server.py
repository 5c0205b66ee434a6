"""The server that ``sioload`` and the other load generators talk to."""

from __future__ import annotations

import argparse

from antiphon import Server, Socket

io = Server()


@io.event("echo")
def echo(socket: Socket, data: object) -> None:
    socket.emit("echo", data)


@io.event("ack")
def ack(socket: Socket, data: object) -> object:
    return data


@io.event("bcast")
def bcast(socket: Socket, data: object) -> None:
    io.emit("bcast", data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    io.run(port=parser.parse_args().port, log_level="warning")
