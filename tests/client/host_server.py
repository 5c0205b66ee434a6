"""Serves events for the tests of the Python client, on Antiphon. host_server.mjs is the same on Node.js.

Run it with ``python host_server.py HOSTS``: the servers by name, each with the options of the official server, as JSON.
It prints their ports by name as JSON, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "browser"))

from antiphon import Ack, ConnectionRefused, Namespace, Server, Socket
from guest_server import end_with_input, translate

numbers: dict[str, list[object]] = {}
tries: dict[str, int] = {}
reasons: dict[str, str] = {}


def admit(socket: Socket) -> None:
    """Refuse whoever says so."""
    if socket.handshake.auth.get("refuse"):
        raise ConnectionRefused("not you", data={"code": 7})


def connection(socket: Socket) -> None:  # noqa: C901 - a list of handlers
    """Serve a client."""
    name = str(socket.id)

    def echo(*args: object) -> None:
        socket.emit("echo", *args)

    def ask(*args: object) -> tuple[object, ...]:
        return args

    def nothing() -> None:
        pass

    def silence(ack: Ack) -> None:
        pass

    def burst(count: int) -> None:
        for number in range(count):
            socket.emit("burst", number)

    def number(key: str, value: object) -> object:
        numbers.setdefault(key, []).append(value)
        return value

    def reluctant(ack: Ack, key: str, value: object, times: int) -> None:
        numbers.setdefault(key, []).append(value)
        tries[f"{key} {value}"] = tries.get(f"{key} {value}", 0) + 1
        if tries[f"{key} {value}"] >= times:
            ack(value)

    def question(ack: Ack, limit: int, *args: object) -> None:
        def answered(error: Exception | None, *answer: object) -> None:
            ack(None if error is None else str(error), *answer)

        socket.timeout(limit / 1000).emit("question", *args, ack=answered)

    def tell(event: str, *args: object) -> bool:
        socket.nsp.emit(event, *args)
        return True

    def kick(close: bool = False) -> None:
        socket.disconnect(close)

    def end() -> None:
        socket.conn.close()

    def raw(text: str) -> None:
        socket.conn.send(text)

    def join(room: str) -> None:
        socket.join(room)

    def handshake() -> object:
        told = socket.handshake
        return {"auth": told.auth, "query": dict(told.query), "headers": dict(told.headers)}

    handlers: list[Callable[..., object]] = [
        echo,
        ask,
        nothing,
        silence,
        burst,
        number,
        reluctant,
        question,
        tell,
        kick,
        end,
        raw,
        join,
        handshake,
    ]
    for handler in handlers:
        socket.on(handler.__name__, handler)
    socket.on("message", ask)
    socket.on("numbers", lambda key: numbers.get(key, []))
    socket.on("reason", reasons.get)
    socket.on("rooms", lambda: sorted(room for room in socket.rooms if room != socket.id))
    socket.on("sessions", lambda: socket.nsp.server.engine.clients_count)
    socket.on("transport", lambda: socket.conn.transport.name)
    socket.on("disconnect", lambda reason: reasons.update({name: str(reason)}))
    for count in range(int(str(socket.handshake.auth.get("greetings", 0)))):
        socket.emit("greeting", count)


def serve(namespace: Namespace) -> None:
    """Serve the clients of a namespace."""
    namespace.use(admit)
    namespace.on("connection", connection)


async def main(hosts: dict[str, dict[str, Any]]) -> None:
    """Serve, until nobody is left who needs it."""
    servings, ports = [], {}
    for name, options in hosts.items():
        tls = options.pop("tls", None)
        io = Server(serve_client=False, **translate(options))  # type: ignore[arg-type]
        for namespace in ("/", "/admin", "/other"):
            serve(io.of(namespace))
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ports[name] = listener.getsockname()[1]
        more: dict[str, Any] = {}
        if tls is not None:
            more = {"ssl_certfile": tls["cert"], "ssl_keyfile": tls["key"]}
            if "ca" in tls:
                more |= {"ssl_ca_certs": tls["ca"], "ssl_cert_reqs": ssl.CERT_REQUIRED}
        servings.append(io.serve(sockets=[listener], log_level="warning", **more))
    print(json.dumps(ports), flush=True)  # noqa: T201 - that is how it is found
    await asyncio.gather(*servings)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(main(json.loads(sys.argv[1])))
