"""``antiphon emit``, as a process, against a server in another one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from console_guests import ANTIPHON, Run, ShownServer
from pty_terminal import PATIENCE


def kept(run: Run, server: ShownServer, key: str) -> list[list[object]]:
    """Return the arguments that the server has got after this key."""
    everything = json.loads(run("emit", server.url, "kept", "--ack").stdout)
    return [args[1:] for args in everything if args[0] == key]


@pytest.mark.parametrize("transport", [(), ("--transport", "websocket"), ("--transport", "polling")])
def test_what_was_sent_has_arrived(run: Run, server: ShownServer, transport: tuple[str, ...]) -> None:
    key = f"arrived by {transport}"
    for number in range(3):
        done = run("emit", server.url, "keep", key, str(number), '{"json": [1, 2]}', "a text", *transport)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kept(run, server, key) == [[number, {"json": [1, 2]}, "a text"] for number in range(3)]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_large_file_arrives_whole(run: Run, server: ShownServer, tmp_path: Path, transport: str) -> None:
    content = bytes(range(256)) * 2600
    (tmp_path / "large").write_bytes(content)
    answer = run("emit", server.url, "size", f"@{tmp_path / 'large'}", "--ack", "--transport", transport)
    assert answer.stdout == f"{len(content)}\n"
    key = f"large by {transport}"
    assert run("emit", server.url, "keep size", key, f"@{tmp_path / 'large'}", "--transport", transport).returncode == 0
    assert kept(run, server, key) == [[len(content)]]


def test_the_answer_is_json(run: Run, server: ShownServer) -> None:
    assert run("emit", server.url, "sum", "1", "2", "--ack").stdout == "3\n"
    assert run("emit", server.url, "echo", '"5"', "5", "ü", "--ack").stdout == '"5"\n5\n"\\u00fc"\n'


def test_an_argument_comes_from_standard_input(run: Run, server: ShownServer) -> None:
    done = run("emit", server.url, "echo", "-", "--ack", input='{"from":\n "stdin"}\n')
    assert done.stdout == '{"from":"stdin"}\n'
    done = run("emit", server.url, "echo", "-", input='{"from":\n')
    assert done.returncode == 2
    assert done.stderr.startswith("antiphon: standard input: ")
    assert done.stderr.count("\n") == 1


def test_binary_goes_both_ways(run: Run, server: ShownServer, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"\x00\xff")
    done = run("emit", server.url, "echo", f"@{tmp_path / 'small'}", "--ack")
    assert json.loads(done.stdout) == {"base64": "AP8="}


def test_what_looks_like_an_option_goes_after_two_dashes(run: Run, server: ShownServer) -> None:
    assert run("emit", "--ack", server.url, "sum", "--", "-5", "3").stdout == "-2\n"


def test_the_options_of_the_connection_reach_the_server(run: Run, server: ShownServer) -> None:
    done = run(
        "emit", f"{server.url}?in=url", "greet", "--ack", "--auth", '{"token": "abc"}', "--header", "X-Who: me: too",
        "--query", "a=b=c", "--query", "d=",
    )  # fmt: skip
    auth, query, who = map(json.loads, done.stdout.splitlines())
    assert auth == {"token": "abc"}
    assert {name: query.get(name) for name in ("in", "a", "d")} == {"in": "url", "a": "b=c", "d": ""}
    assert who == "me: too"


@pytest.mark.parametrize("namespace", [("-n", "/admin"), ("--namespace", "admin"), ()])
def test_the_namespace_is_an_option_or_in_the_url(run: Run, server: ShownServer, namespace: tuple[str, ...]) -> None:
    url = server.url if namespace else f"{server.url}/admin"
    assert run("emit", url, "who", "--ack", "--auth", '{"token": "secret"}', *namespace).stdout == '"admin"\n'


def test_a_refusal_is_told_whole(run: Run, server: ShownServer) -> None:
    done = run("emit", f"{server.url}/admin", "who")
    assert done.returncode == 1
    assert done.stderr == 'antiphon: the server refuses the connection: wrong token {"hint":"it is secret"}\n'


def test_a_server_that_is_not_there_fails_fast(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = run("emit", url, "x", "--transport", "polling")
    assert done.returncode == 1
    assert done.stderr == (
        f"antiphon: cannot connect to {url} by polling: the connection was refused: nothing listens there\n"
    )


def test_an_answer_that_does_not_come_is_told(run: Run, server: ShownServer) -> None:
    done = run("emit", server.url, "silence", "--ack", "--timeout", "2")
    assert (done.returncode, done.stderr) == (1, "antiphon: silence was not answered within 2 s\n")


def test_what_the_server_would_not_take_is_told(run: Run, server: ShownServer, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(bytes(1_100_000))
    done = run("emit", server.url, "keep", f"@{tmp_path / 'huge'}")
    assert done.returncode == 1
    assert "the server takes 1000000" in done.stderr


class Swallower:
    """Lies between client and server, and lets only so many bytes through to the server."""

    def __init__(self, port: int, limit: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._target = port
        self._left = limit
        self._sockets: list[socket.socket] = [self._listener]
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, upstream]
                threading.Thread(target=self._forward, args=(client, upstream, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(upstream, client, False), daemon=True).start()
        except OSError:
            pass

    def _forward(self, source: socket.socket, target: socket.socket, limited: bool) -> None:
        try:
            while data := source.recv(65_536):
                if limited:
                    data, self._left = data[: max(self._left, 0)], self._left - len(data)
                target.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


def test_it_does_not_claim_that_the_server_has_what_it_has_not(run: Run, server: ShownServer, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(300_000))
    swallower = Swallower(server.port, 100_000)
    try:
        done = run(
            "emit", f"http://127.0.0.1:{swallower.port}", "keep", "lost", f"@{tmp_path / 'large'}", "--transport",
            "websocket", "--timeout", "5",
        )  # fmt: skip
    finally:
        swallower.close()
    assert done.returncode == 1
    assert "may not have read keep" in done.stderr or "has not read keep within 5 s" in done.stderr
    assert kept(run, server, "lost") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--auth", '{"token"'], 'antiphon: --auth: {"token" is no JSON: '),
        (["--auth", "[1]"], "antiphon: --auth: [1] is no object; "),
        (["--header", "nothing"], 'antiphon: --header takes "Name: value", not '),
        (["--query", "nothing"], 'antiphon: --query takes "name=value", not '),
        (["--query", "sid=1"], "antiphon: the query parameter sid belongs to the protocol"),
        (["--transport", "pigeon"], "antiphon: --transport is polling or websocket, not pigeon"),
        (["--path", "http://x"], "antiphon: path must be a path"),
        (["@/no/such/file"], "antiphon: the file /no/such/file cannot be read: No such file or directory"),
        (['{"open'], 'antiphon: {"open is no JSON'),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    run: Run, server: ShownServer, arguments: list[str], said: str
) -> None:
    done = run("emit", server.url, "x", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_authorities_that_are_none_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    done = run("emit", "https://127.0.0.1:1", "x", "--cacert", str(tmp_path / "ca.pem"))
    assert done.returncode == 2
    assert "it holds no certificate in PEM form" in done.stderr


def test_an_url_that_is_none_is_told(run: Run) -> None:
    done = run("emit", "ftp://localhost", "x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_ctrl_c_ends_it_without_a_traceback(server: ShownServer) -> None:
    command = [*ANTIPHON, "emit", server.url, "tell then silence", "--ack", "--timeout", "600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # The server tells another client that the question has come.
        watcher = subprocess.run(
            [*ANTIPHON, "emit", server.url, "was told", "--ack"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert watcher.stdout == "true\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "")


STUCK = """
import asyncio, sys, time
from antiphon._console.running import end, run

async def main():
    thread = asyncio.to_thread(time.sleep, 600)
    print("stuck", flush=True)
    await thread

code = run(main(), interrupted=7)
end(code)
sys.exit(code)
"""


def test_a_thread_that_is_stuck_keeps_nobody_from_leaving() -> None:
    process = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 7
    finally:
        process.kill()
        process.communicate()
