"""``antiphon connect`` at a terminal: a pty, with a screen that is looked at."""

from __future__ import annotations

import re
import signal

import pytest

from console_guests import Open, ShownServer
from pty_terminal import Terminal


def enter(terminal: Terminal, line: str) -> None:
    terminal.type(line + "\r")


@pytest.fixture
def terminal(open_terminal: Open, server: ShownServer) -> Terminal:
    """A console that is connected."""
    terminal = open_terminal("connect", server.url)
    terminal.wait_for("● connected to", "● now by websocket", "\n>", "connected by websocket as")
    return terminal


def test_the_first_lines_say_what_to_type(terminal: Terminal, server: ShownServer) -> None:
    first = terminal.text.splitlines()
    assert first[0] == f"Antiphon talks to {server.url}"
    assert re.fullmatch(r'  chat hello \{"json": 1\} +sends an event', first[1])
    assert re.fullmatch(r"  chat hello \? +sends it, and shows the answer", first[2])
    assert re.fullmatch(r"  /help +shows the rest; Ctrl-D leaves", first[3])


def test_what_is_typed_is_sent_and_what_comes_is_shown_above_the_prompt(terminal: Terminal) -> None:
    enter(terminal, 'echo {"json": 1} [1, 2]')
    terminal.wait_for('← echo {"json":1} [1,2]')
    enter(terminal, "sum 1 2 3 ?")
    terminal.wait_for("✓ sum answered after ")
    terminal.type("half a lin")
    terminal.wait_for("> half a lin")
    terminal.type("\x15later 0.1 here\rhalf a lin")
    terminal.wait_for('← later "here"')
    # What comes does not disturb who types.
    terminal.wait_until(lambda: '← later "here"\n> half a lin\n' in terminal.text, "the half line stays")
    order = ["> echo", "← echo", "> sum", "✓ sum", "> later", "← later", "> half"]
    assert [found for found in re.findall(r"(?:> |← |✓ )\w+", terminal.text) if found != "> "] == order


def test_it_has_colours(terminal: Terminal) -> None:
    enter(terminal, "echo hello")
    terminal.wait_for("← echo")
    row = next(row for row, line in enumerate(terminal.screen.display) if "← echo" in line)
    column = terminal.screen.display[row].index("← echo")
    assert terminal.screen.buffer[row][column].fg == "cyan"
    assert terminal.screen.buffer[row][column + 2].bold


def test_it_has_none_if_they_are_not_wanted(open_terminal: Open, server: ShownServer) -> None:
    terminal = open_terminal("connect", server.url, environment={"NO_COLOR": "1"})
    terminal.wait_for("● now by websocket")
    enter(terminal, 'echo hello {"a": 1}')
    terminal.wait_for("← echo")
    assert not re.search(rb"\x1b\[(\d+;)*(3[0-7]|38;5;\d+|9[0-7])m", bytes(terminal.output))


@pytest.mark.parametrize("keys", ["\x04", "\x03", "/quit\r", "/exit\r", "half a line\x03"])
def test_one_leaves_by(terminal: Terminal, keys: str) -> None:
    terminal.type(keys)
    assert terminal.wait_end() == 0
    assert "Traceback" not in terminal.text


def test_one_leaves_although_the_server_does_not_answer(open_terminal: Open, own_server: ShownServer) -> None:
    terminal = open_terminal("connect", own_server.url)
    terminal.wait_for("● now by websocket")
    own_server.process.send_signal(signal.SIGSTOP)
    try:
        terminal.type("\x03")
        assert terminal.wait_end() == 0
    finally:
        own_server.process.send_signal(signal.SIGCONT)
    assert "Traceback" not in terminal.text


def test_one_leaves_before_there_is_a_connection(open_terminal: Open, own_server: ShownServer) -> None:
    url = own_server.url
    own_server.kill()
    terminal = open_terminal("connect", url)
    terminal.wait_for("still no connection, attempt 2 to connect again in ", "\n>", " connecting")
    terminal.type("\x03")
    assert terminal.wait_end() == 0
    assert "Traceback" not in terminal.text


def test_a_server_that_is_killed_and_started_again(open_terminal: Open, own_server: ShownServer) -> None:
    terminal = open_terminal("connect", own_server.url)
    terminal.wait_for("● now by websocket")
    own_server.kill()
    terminal.wait_for("○ disconnected: the connection was closed (transport close)", "… attempt 1 to connect again in ")
    enter(terminal, "sum 4 5 ?")
    terminal.wait_for("… there is no connection yet; it is sent when there is")
    own_server.start()
    terminal.wait_for("✓ sum answered after ")
    assert terminal.text.count("● connected to") == 2


def test_after_a_refusal_one_may_try_again(open_terminal: Open, server: ShownServer) -> None:
    terminal = open_terminal("connect", f"{server.url}/admin", "--transport", "websocket")
    terminal.wait_for(
        '✗ the server refuses the connection: wrong token {"hint":"it is secret"}', "/connect tries again"
    )
    enter(terminal, "/connect")
    terminal.wait_until(lambda: terminal.text.count("✗ the server refuses") == 2, "it was refused again")
    terminal.type("\x04")
    assert terminal.wait_end() == 0


def test_after_a_goodbye_of_the_server_one_may_connect_again(terminal: Terminal) -> None:
    enter(terminal, "kick")
    terminal.wait_for("○ disconnected: the server has disconnected this client", "/connect does", "  disconnected")
    enter(terminal, "/connect")
    terminal.wait_until(lambda: terminal.text.count("● connected to") == 2, "it is connected again")


def test_without_reconnection_it_leaves(open_terminal: Open, own_server: ShownServer) -> None:
    url = own_server.url
    own_server.kill()
    terminal = open_terminal("connect", url, "--no-reconnect")
    assert terminal.wait_end() == 1
    assert "✗ cannot connect to" in terminal.text


def test_names_are_completed(terminal: Terminal) -> None:
    enter(terminal, "echo hello")
    terminal.wait_for("← echo")
    terminal.type("ec\t")
    terminal.wait_until(lambda: terminal.text.count("> echo") == 2, "the name was completed")
    terminal.type(" again\r")
    terminal.wait_for('← echo "again"')
    terminal.type("/disc\t")
    terminal.wait_for("> /disconnect")
    terminal.type("\r")
    terminal.wait_for("○ disconnected: as you wished")


def test_a_flood_does_not_end_it(terminal: Terminal) -> None:
    enter(terminal, "flood 2000")
    terminal.wait_for('← "drop of water" 1999')
    enter(terminal, "sum 1 2 ?")
    terminal.wait_for("✓ sum answered")


def test_what_comes_cannot_command_the_terminal(terminal: Terminal) -> None:
    enter(terminal, r'echo "\u001b[2J\u001b]0;owned\u0007" {"\u009b31m": "\u202e"}')
    terminal.wait_for(r'← echo "\u001b[2J\u001b]0;owned\u0007" {"\u009b31m":"\u202e"}')
    assert b"\x1b]0;owned" not in terminal.output
