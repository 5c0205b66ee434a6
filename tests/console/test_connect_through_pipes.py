"""``antiphon connect`` with pipes instead of a terminal: for scripts."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from console_guests import ANTIPHON, Run, ShownServer
from pty_terminal import PATIENCE

TIME = re.compile(r"^\d\d:\d\d:\d\d\.\d\d\d ", re.MULTILINE)


def told(output: str) -> list[str]:
    """Return the lines without their times."""
    lines = output.splitlines()
    assert all(TIME.match(line) for line in lines), output
    return [TIME.sub("", line) for line in lines]


class Piped:
    """A console that goes on, with its lines."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*ANTIPHON, "connect", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, text: str) -> str:
        """Read lines up to one that has this text; the timeout of pytest ends what does not come."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(TIME.sub("", line.rstrip("\n")))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"{text!r} did not come: {self.lines}")

    def end(self) -> int:
        """Let its input end."""
        out, err = self.process.communicate(timeout=PATIENCE)
        self.lines += told(out)
        assert "Traceback" not in err, err
        return self.process.returncode


@pytest.fixture
def open_piped() -> Iterator[Callable[..., Piped]]:
    opened: list[Piped] = []

    def open_piped(*arguments: str) -> Piped:
        opened.append(Piped(*arguments))
        return opened[-1]

    yield open_piped
    for piped in opened:
        piped.process.kill()
        piped.process.communicate()


OpenPiped = Callable[..., Piped]


def test_lines_are_sent_and_answers_shown(run: Run, server: ShownServer) -> None:
    lines = 'echo {"json": 1} [1, 2] "a b" plain ?\n\nsum 1 2 ?\n"ask me"\n'
    done = run("connect", server.url, "--transport", "websocket", input=lines)
    assert done.returncode == 0
    shown = told(done.stdout)
    assert re.fullmatch(rf"● connected to {server.url} by websocket as \S+", shown[0])
    rest = [re.sub(r"after .*?:", "after:", line) for line in shown[1:]]
    assert sorted(rest) == sorted(
        [
            '→ echo {"json":1} [1,2] "a b" "plain"',
            "→ sum 1 2",
            '→ "ask me"',
            '← echo {"json":1} [1,2] "a b" "plain"',
            '✓ echo answered after: {"json":1} [1,2] "a b" "plain"',
            "✓ sum answered after: 3",
            "← question 40  (the server waits for an answer, and gets none from here)",
        ]
    )
    assert [line for line in rest if line[0] == "→"] == rest_in_order(rest, "→ echo", "→ sum", '→ "ask me"')


def rest_in_order(lines: list[str], *beginnings: str) -> list[str]:
    return [next(line for line in lines if line.startswith(beginning)) for beginning in beginnings]


def test_it_waits_for_answers_when_the_input_has_ended(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, "--wait", "0", input="slow 1.2 ?")
    assert done.returncode == 0
    assert re.search(r"✓ slow answered after [\d.]+ s: nothing$", done.stdout, re.MULTILINE)


def test_it_listens_on_for_as_long_as_it_is_told(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, "--wait", "2.5", input="later 1.2 something")
    assert '← later "something"' in told(done.stdout)
    done = run("connect", server.url, "--wait", "0", input="later 1.2 something")
    assert "← later" not in done.stdout
    assert done.returncode == 0


def test_an_answer_that_does_not_come_is_told_and_counts(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, "--timeout", "0.6", input="silence ?")
    assert "✗ silence was not answered within 0.6 s" in told(done.stdout)
    assert done.returncode == 1


def test_a_line_that_means_nothing_is_told_and_counts(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, input='echo {"open\n/nope\nconnect\nsum 1 2 ?\n')
    assert done.returncode == 1
    errors = [line for line in told(done.stdout) if line[0] == "✗"]
    assert errors[0].startswith('✗ not sent: {"open is no JSON')
    assert errors[1].startswith("✗ there is no command /nope")
    assert errors[2] == '✗ not sent: "connect" is a reserved event name'
    assert "✓ sum answered" in done.stdout


def test_many_lines_arrive_in_order(run: Run, server: ShownServer) -> None:
    count = 3000
    lines = "".join(f"keep piped {number}\n" for number in range(count)) + "/quit\nkeep piped never\n"
    assert run("connect", server.url, input=lines).returncode == 0
    done = run("connect", server.url, input="kept ?")
    answer = next(line for line in done.stdout.splitlines() if "kept answered" in line)
    assert re.findall(r'\["piped",(.*?)\]', answer) == [str(number) for number in range(count)]


def test_what_was_not_sent_is_told_and_counts(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, "--wait", "0", input="/disconnect\nkeep 1 2\nkeep 3\n")
    assert done.returncode == 1
    assert told(done.stdout)[-1] == "✗ 2 events not sent: there is no connection"


def test_binary_is_shown_by_its_size(run: Run, server: ShownServer) -> None:
    done = run("connect", server.url, "-n", "admin", "--auth", '{"token": "secret"}')
    assert done.returncode == 0
    assert '← welcome "admin" <4 bytes>' in told(done.stdout)


def test_commands_tell_and_act(run: Run, server: ShownServer) -> None:
    done = run(
        "connect", server.url, "--transport", "polling",
        input="/id\n/connect\n/disconnect\n/id\n/disconnect\n/connect\nsum 1 ?\n/help\n",
    )  # fmt: skip
    assert done.returncode == 0
    assert f"● {server.url}: connected by polling as" in done.stdout
    assert "it is connected by polling as" in done.stdout
    assert "○ disconnected: as you wished (io client disconnect)" in done.stdout
    assert f"● {server.url}: disconnected" in done.stdout
    assert "there is no connection" in done.stdout
    assert "✓ sum answered" in done.stdout
    assert re.search(r"^  /quit +leave", done.stdout, re.MULTILINE)


def test_without_a_terminal_there_are_no_colours(run: Run, server: ShownServer) -> None:
    assert "\x1b" not in run("connect", server.url, input='echo "\\u001b[31m" 1').stdout


def test_a_refusal_is_told_and_ends_it(run: Run, server: ShownServer) -> None:
    done = run("connect", f"{server.url}/admin", "--transport", "websocket")
    assert done.returncode == 1
    assert told(done.stdout) == ['✗ the server refuses the connection: wrong token {"hint":"it is secret"}']


def test_a_server_that_disconnects_ends_it(open_piped: OpenPiped, server: ShownServer) -> None:
    piped = open_piped(server.url, "--transport", "websocket")
    piped.say("kick")
    piped.wait_for("○ disconnected: the server has disconnected this client (io server disconnect)")
    assert piped.process.wait(PATIENCE) == 1


def test_without_a_server_it_leaves_if_it_should(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = run("connect", url, "--no-reconnect", input="chat hello")
    assert done.returncode == 1
    assert told(done.stdout) == [
        f"✗ cannot connect to {url} by polling: the connection was refused: nothing listens there"
    ]


def test_it_keeps_trying_and_sends_what_was_typed(open_piped: OpenPiped, own_server: ShownServer) -> None:
    url = own_server.url
    own_server.kill()
    piped = open_piped(url, "--transport", "polling")
    piped.say("sum 4 5 ?")
    piped.wait_for("still no connection, attempt 2 to connect again in ")
    own_server.start()
    piped.wait_for("✓ sum answered")
    assert piped.end() == 0
    assert piped.lines[0] == f"✗ cannot connect to {url} by polling: the connection was refused: nothing listens there"
    assert re.fullmatch(r"… attempt 1 to connect again in \d\.\d s", piped.lines[1])
    assert sum("cannot connect" in line for line in piped.lines) == 1


def test_it_connects_again_when_the_server_is_back(open_piped: OpenPiped, own_server: ShownServer) -> None:
    piped = open_piped(own_server.url, "--transport", "websocket")
    piped.wait_for("● connected")
    own_server.kill()
    piped.wait_for("○ disconnected: the connection was closed (transport close)")
    piped.wait_for("… attempt 1 to connect again in ")
    piped.say("sum 4 5 ?")
    own_server.start()
    piped.wait_for("● connected")
    piped.wait_for("✓ sum answered")
    assert piped.end() == 0
    assert "… there is no connection yet; it is sent when there is" in piped.lines


def test_it_does_not_connect_again_if_it_should_not(open_piped: OpenPiped, own_server: ShownServer) -> None:
    piped = open_piped(own_server.url, "--no-reconnect", "--transport", "websocket")
    piped.wait_for("● connected")
    own_server.kill()
    piped.wait_for("○ disconnected: the connection was closed")
    assert piped.process.wait(PATIENCE) == 1


@pytest.mark.parametrize("there", [True, False])
def test_ctrl_c_leaves_without_a_traceback(open_piped: OpenPiped, own_server: ShownServer, there: bool) -> None:
    if not there:
        own_server.kill()
    piped = open_piped(own_server.url)
    piped.wait_for("● now by websocket" if there else "… attempt")
    piped.process.send_signal(signal.SIGINT)
    _, err = piped.process.communicate(timeout=PATIENCE)
    assert piped.process.returncode == 0
    assert err == ""


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_who_reads_it_may_leave_first(server: ShownServer, transport: str) -> None:
    piped = Piped(server.url, "--wait", "inf", "--transport", transport)
    try:
        assert piped.process.stdout is not None
        assert piped.process.stderr is not None
        piped.say("later 0.5 something")
        piped.wait_for("→ later")
        piped.process.stdout.close()
        if transport == "websocket":
            # What is sent finds out; otherwise what comes does.
            piped.say("echo hello")
        assert piped.process.wait(PATIENCE) == 1
        assert piped.process.stderr.read() == ""
    finally:
        piped.process.kill()
        piped.process.wait()
        for pipe in (piped.process.stdin, piped.process.stderr):
            assert pipe is not None
            pipe.close()
