"""Drives the official JavaScript clients (client.mjs) from Python: commands and reports are lines of JSON."""

from __future__ import annotations

import base64
import contextlib
import datetime
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WAIT = 15.0
"""Seconds until something that is waited for counts as missing."""


@dataclass(frozen=True)
class Special:
    """A JavaScript value that JSON has no form for."""

    form: dict[str, Any]


UNDEFINED = Special({"$undefined": True})
NAN = Special({"$number": "NaN"})


def array_buffer(data: bytes) -> Special:
    return Special({"$array_buffer": base64.b64encode(data).decode()})


def typed_array(kind: str, values: list[float]) -> Special:
    return Special({"$typed": kind, "values": values})


def repeated(text: str, times: int) -> Special:
    return Special({"$repeat": text, "times": times})


TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
"""Each way to carry packets, as the official client is told of it."""


def pack(value: Any) -> Any:
    if isinstance(value, Special):
        return value.form
    if isinstance(value, bytes):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return {"$date": round(value.timestamp() * 1000)}
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    return value


def unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$binary" in value:
        return base64.b64decode(value["$binary"])
    if "$undefined" in value:
        return UNDEFINED
    if "$date" in value:
        return datetime.datetime.fromtimestamp(value["$date"] / 1000, datetime.UTC)
    return {key: unpack(item) for key, item in value.items()}


class Reports:
    """What one side has seen, in order; the test takes out what it waits for."""

    def __init__(self, name: str, note: Callable[[], str] = str) -> None:
        self.name = name
        self.all: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._note = note

    def add(self, report: str, **fields: Any) -> None:
        entry = {"report": report, **fields}
        with self._changed:
            self.all.append(entry)
            self._waiting.append(entry)
            self._changed.notify_all()

    def expect(self, report: str, within: float = WAIT, **fields: Any) -> dict[str, Any]:
        """Wait for the first report of a kind with these fields, and take it out."""

        def find() -> dict[str, Any] | None:
            for entry in self._waiting:
                if entry["report"] == report and all(entry.get(key) == value for key, value in fields.items()):
                    return entry
            return None

        with self._changed:
            if not self._changed.wait_for(find, within):
                wanted = ", ".join([report, *(f"{key}={value!r:.80}" for key, value in fields.items())])
                seen = "\n".join(f"  {entry!r:.300}" for entry in self.all[-30:])
                raise AssertionError(f"{self.name} did not see: {wanted}\nit saw:\n{seen}\n{self._note()}")
            found = find()
            assert found is not None
            self._waiting.remove(found)
            return found

    def expect_event(self, event: str, within: float = WAIT) -> list[Any]:
        """Wait for an event and return its arguments."""
        args: list[Any] = self.expect("event", within, event=event)["args"]
        return args

    def events(self) -> list[str]:
        """Return the names of the events that have come so far, in order."""
        with self._changed:
            return [entry["event"] for entry in self.all if entry["report"] == "event"]

    def count(self, report: str, **fields: Any) -> int:
        """Say how many such reports have come so far."""
        with self._changed:
            return sum(
                entry["report"] == report and all(entry.get(key) == value for key, value in fields.items())
                for entry in self.all
            )


@dataclass
class Client:
    """One official client in a Node.js process."""

    node: Node
    name: str
    seen: Reports
    id: str = field(default="")

    def _do(self, command: str, **fields: Any) -> None:
        self.node.command({"do": command, "client": self.name, **fields})

    def expect(self, report: str, within: float = WAIT, **fields: Any) -> dict[str, Any]:
        return self.seen.expect(report, within, **fields)

    def expect_event(self, event: str, within: float = WAIT) -> list[Any]:
        return self.seen.expect_event(event, within)

    def expect_connect(self) -> dict[str, Any]:
        report = self.expect("connect")
        self.id = report["id"]
        return report

    def open(self) -> None:
        self._do("open")

    def emit(self, event: str, *args: Any, **flags: Any) -> None:
        self._do("emit", event=event, args=pack(args), **flags)

    def call(self, event: str, *args: Any, timeout: int | None = None, within: float = WAIT) -> list[Any]:
        """Emit, and return the arguments of the acknowledgement (with a timeout, an error or None first)."""
        report = self.expect("ack", within, ack=self.start_call(event, *args, timeout=timeout))
        return [report["error"], *report["args"]] if "error" in report else report["args"]

    def start_call(self, event: str, *args: Any, timeout: int | None = None) -> int:
        number = next(self.node.numbers)
        flags = {} if timeout is None else {"timeout": timeout}
        self._do("emit", event=event, args=pack(args), ack=number, **flags)
        return number

    def emit_with_ack(self, event: str, *args: Any, timeout: int | None = None) -> Any:
        """Do the same with the promise of the client; raise its error as RuntimeError."""
        number = next(self.node.numbers)
        flags = {} if timeout is None else {"timeout": timeout}
        self._do("emitWithAck", event=event, args=pack(args), ack=number, **flags)
        report = self.expect("ack", ack=number)
        if report["error"] is not None:
            raise RuntimeError(report["error"])
        return report["args"][0]

    def count(self, event: str, to: int, **flags: Any) -> None:
        """Emit the numbers up to ``to``."""
        self._do("count", event=event, to=to, **flags)

    def answer(self, call: int, *args: Any) -> None:
        self._do("answer", call=call, args=pack(args))

    def raw(self, data: str | bytes) -> None:
        self._do("raw", data=pack(data))

    def state(self) -> dict[str, Any]:
        number = next(self.node.numbers)
        self._do("state", request=number)
        return self.expect("state", request=number)

    def disconnect(self) -> None:
        self._do("disconnect")

    def move_to(self, url: str) -> None:
        """Give the connection up, and come back by another address."""
        self._do("moveTo", url=url)

    def close_manager(self) -> None:
        self._do("closeManager")

    def forget(self) -> None:
        self._do("forget")


class Node:
    """A Node.js process with any number of clients: official ones, or ours."""

    def __init__(self, *, ours: bool = False) -> None:
        # Node.js 20 has a WebSocket for those who ask.
        flags = ["--experimental-websocket", "--no-warnings"] if ours else []
        self._process = subprocess.Popen(
            ["node", *flags, str(HERE / "client.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE,
            env={
                **{key: value for key, value in os.environ.items() if key not in ("DEBUG", "NODE_OPTIONS")},
                "CLIENT": "ours" if ours else "official",
            },
        )
        self.numbers = itertools.count(1)
        self.clients: dict[str, Client] = {}
        self._failures: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True, name="node-reports")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            fields = json.loads(line)
            client, report = self.clients.get(fields.pop("client") or ""), fields.pop("report")
            for key in ("args", "data", "error"):
                if key in fields:
                    fields[key] = unpack(fields[key])
            if report == "failure":
                self._failures.append(fields["message"])
            if client is not None:
                client.seen.add(report, **fields)

    def _note(self) -> str:
        return "\n".join(self._failures)

    def command(self, fields: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(fields).encode() + b"\n")
        self._process.stdin.flush()

    def client(
        self,
        url: str,
        *,
        version: int = 4,
        parser: str | None = None,
        ca: str | None = None,
        auth_function: bool = False,
        share: Client | None = None,
        answers: dict[str, Any] | None = None,
        events: list[str] | None = None,
        **options: Any,
    ) -> Client:
        """Start a client.

        Args:
            url: of the server, with the namespace; of the namespace alone with ``share``.
            version: 2 for the client of Socket.IO 2.
            parser: "msgpack", or None.
            ca: file with the certificate to trust.
            auth_function: give ``auth`` to the client as a function that calls back.
            share: use the connection of that client.
            answers: what to acknowledge events with; "echo" for what came.
            events: what a client of Socket.IO 2 listens to.
            options: of the client, in its own spelling.
        """
        name = f"client-{next(self.numbers)}"
        client = self.clients[name] = Client(self, name, Reports(name, self._note))
        command = {
            "do": "connect",
            "client": name,
            "url": url,
            "version": version,
            "parser": parser,
            "ca": ca,
            "authFunction": auth_function,
            "share": share.name if share else None,
            "answers": pack(answers or {}),
            "events": events or [],
            "options": pack(options),
        }
        self.command(command)
        return client

    def forget_clients(self) -> None:
        for client in self.clients.values():
            client.forget()
        self.clients = {}
        self._failures.clear()

    def kill(self) -> None:
        """End the process without a word to anybody."""
        self._process.kill()

    def stop(self) -> None:
        """Let the process hang."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def node_process(*, ours: bool = False) -> Iterator[Node]:
    node = Node(ours=ours)
    try:
        yield node
    finally:
        node.close()


def until(condition: Callable[[], object], within: float = WAIT) -> None:
    """Wait until something is true that nobody reports."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)


class Relay:
    """A TCP port that passes everything on to another one; to nobody while ``target`` is None."""

    def __init__(self) -> None:
        self.target: int | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._asking: set[socket.socket] = set()
        self._cuts = 0
        self._pairing = threading.Lock()
        self._passing = threading.Lock()
        threading.Thread(target=self._accept, daemon=True, name="relay").start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                cuts = self._cuts
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    if self.target is None:
                        raise ConnectionRefusedError
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._pairing:
                    is_cut = cuts != self._cuts
                    if not is_cut:
                        self._pairs.append((near, far))
                if is_cut:
                    # While the connection was made.
                    near.close()
                    far.close()
                    continue
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            is_client = any(source is near for near, _ in list(self._pairs))
            while data := source.recv(65536):
                self._flows.wait()
                self._record(data, is_client)
                if is_client:
                    # Noted before, for the answer may be here before this goes on; told after.
                    with self._passing:
                        self._asking.add(source)
                        sink.sendall(data)
                else:
                    self._asking.discard(sink)
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _record(self, data: bytes, is_client: bool) -> None:
        """Be told what passes."""

    @property
    def is_asking(self) -> bool:
        """Whether the server has got a request that it has not answered."""
        with self._passing:
            return bool(self._asking)

    def hold(self) -> None:
        """Pass nothing on any more, as when a cable is pulled: neither side is told."""
        self._flows.clear()

    def cut(self) -> None:
        """End every connection, without the words that either side would have used."""
        with self._pairing:
            self._cuts += 1
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._asking.clear()

    def close(self) -> None:
        self.target = None
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flows.set()
        self.cut()


@contextlib.contextmanager
def relay() -> Iterator[Relay]:
    front = Relay()
    try:
        yield front
    finally:
        front.close()
