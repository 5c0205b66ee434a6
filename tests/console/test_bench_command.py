"""``antiphon bench``: what it counts is what happened."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from typing import Any

import pytest

from console_guests import ANTIPHON, Open, Run, ShownServer
from pty_terminal import PATIENCE


def bench(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("bench", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_times(times: dict[str, float], most: float = 20_000) -> None:
    ordered = list(times.values())
    assert ordered == sorted(ordered)
    assert ordered[0] > 0
    assert ordered[-1] < most


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("mode", ["ack", "echo"])
def test_answers_are_counted_and_timed(run: Run, server: ShownServer, mode: str, transport: str) -> None:
    counts = run("emit", server.url, "counts", "--ack").stdout
    found = bench(
        run, server.url, "--clients", "4", "--duration", "0.8", "--mode", mode, "--in-flight", "3", "--event",
        "counted", "--transport", transport,
    )  # fmt: skip
    assert found["clients"] == {
        "asked": 4, "connected": 4, "failed": 0, "lost": 0, "transports": {transport: 4},
    }  # fmt: skip
    events = found["events"]
    assert events["sent"] == events["received"] > 20
    assert (events["unanswered"], events["skipped"]) == (0, 0)
    assert int(run("emit", server.url, "counts", "--ack").stdout) - int(counts) == events["sent"]
    # Those that were in flight at the end came too late for the rate; both numbers are rounded.
    assert found["rate"] * found["seconds"] == pytest.approx(events["received"], abs=12 + 0.003 * events["received"])
    assert 0.8 <= found["seconds"] < 10
    assert found["reasons"] == {"failed": {}, "lost": {}, "errors": {}}
    check_times(found["latency_ms"])
    check_times(found["connect_ms"])


def test_latencies_are_those_of_the_server(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "2", "--duration", "2", "--event", "slow answer")
    assert found["latency_ms"]["p50"] >= 199
    assert 2 <= found["events"]["received"] <= 2 * (found["seconds"] / 0.2 + 1)


def test_a_reply_may_have_another_name(run: Run, server: ShownServer) -> None:
    found = bench(
        run, server.url, "--clients", "2", "--duration", "0.5", "--mode", "echo", "--event", "ping me", "--reply",
        "pong",
    )  # fmt: skip
    assert found["events"]["received"] == found["events"]["sent"] > 5


def test_the_default_is_to_upgrade_first(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "3", "--duration", "0.3", "--size", "0")
    assert found["clients"]["transports"] == {"websocket": 3}


def test_what_is_only_sent_has_arrived(run: Run, server: ShownServer) -> None:
    counts = int(run("emit", server.url, "counts", "--ack").stdout)
    found = bench(run, server.url, "--clients", "3", "--duration", "0.5", "--mode", "emit", "--event", "counted")
    assert found["events"]["sent"] > 100
    assert int(run("emit", server.url, "counts", "--ack").stdout) - counts == found["events"]["sent"]
    assert found["latency_ms"] is None


def test_who_listens_counts_what_comes(run: Run, server: ShownServer) -> None:
    before = int(run("emit", server.url, "ticks", "--ack").stdout)
    found = bench(run, f"{server.url}/ticks", "--clients", "2", "--duration", "2", "--mode", "listen")
    emitted = int(run("emit", server.url, "ticks", "--ack").stdout) - before
    # The server emits at most twenty each second to each of them; what it has not emitted does not count.
    assert 2 * 4 * found["seconds"] < found["events"]["received"] <= emitted
    assert found["events"]["sent"] == 0


def test_a_rate_is_kept(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "5", "--duration", "2", "--rate", "40")
    events = found["events"]
    assert events["sent"] + events["skipped"] == pytest.approx(5 * 40 * found["seconds"], rel=0.25)


def test_a_rate_that_cannot_be_kept_is_told(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "1", "--duration", "1.5", "--rate", "100", "--event", "slow answer")
    assert found["events"]["skipped"] > found["events"]["sent"] > 0


def test_answers_that_do_not_come_are_counted(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "2", "--duration", "0.3", "--event", "silence", "--in-flight", "2")
    assert found["events"] == {"sent": 4, "received": 0, "unanswered": 4, "skipped": 0}


def test_connections_that_are_lost_are_counted_by_reason(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "3", "--duration", "0.6", "--event", "kick")
    assert found["clients"]["lost"] == 3
    assert found["reasons"]["lost"] == {"the server has disconnected this client (io server disconnect)": 3}


def test_what_cannot_be_sent_is_counted_by_reason(run: Run, server: ShownServer) -> None:
    found = bench(run, server.url, "--clients", "2", "--duration", "0.2", "--size", "2000000")
    (reason,) = found["reasons"]["errors"]
    assert "the server takes 1000000" in reason
    assert found["reasons"]["errors"][reason] == 2
    assert found["events"]["sent"] == 0


def test_nobody_connected(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = run("bench", url, "--clients", "3", "--transport", "polling")
    assert done.returncode == 1
    assert re.search(r"^clients +3 asked, 0 connected, 3 failed, 0 lost$", done.stdout, re.MULTILINE)
    assert re.search(
        rf"^failed +3 x cannot connect to {url} by polling: the connection was refused: nothing listens there$",
        done.stdout,
        re.MULTILINE,
    )
    assert re.search(r"^note +nobody has connected$", done.stdout, re.MULTILINE)


def test_the_summary_is_for_people(run: Run, server: ShownServer) -> None:
    done = run("bench", server.url, "--clients", "2", "--duration", "2.5", "--rate", "10")
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["clients", "connecting", "events", "rate", "latency", "errors"]
    assert "2 clients, 2.5 s" in done.stderr
    # A line every two seconds tells how it goes.
    assert re.search(r"^\d s: \d+ events per second, latency p50 .* p99 ", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("phase", ["connecting", "working"])
def test_ctrl_c_ends_it_early_with_a_summary(server: ShownServer, phase: str) -> None:
    more = ["--clients", "1000", "--connect-rate", "20"] if phase == "connecting" else ["--clients", "2"]
    command = [*ANTIPHON, "bench", server.url, "--duration", "3600", "--transport", "websocket", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        pattern = r"connecting: [1-9]" if phase == "connecting" else r"\d s: [1-9]"
        for line in process.stderr:
            if re.match(pattern, line):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in err
    note = "stopped before all had connected" if phase == "connecting" else "stopped early"
    assert re.search(rf"^note +{note}$", out, re.MULTILINE), out
    assert ("latency" in out) == (phase == "working")


def test_it_draws_on_a_terminal(open_terminal: Open, server: ShownServer) -> None:
    terminal = open_terminal("bench", server.url, "--clients", "5", "--duration", "3", "--rate", "20")
    terminal.wait_for("working", "━━━", "latency     p50 ")
    assert terminal.wait_end() == 0
    shown = terminal.text
    assert "━" not in shown
    names = [line.split()[0] for line in shown.split("\n") if line.strip()]
    # A busy machine does not send all of them, and a line says so.
    shown_always = [name for name in names[1:] if name != "skipped"]
    assert shown_always == ["clients", "connecting", "events", "rate", "latency", "errors"]


def test_ctrl_c_at_a_terminal(open_terminal: Open, server: ShownServer) -> None:
    terminal = open_terminal("bench", server.url, "--clients", "2", "--duration", "3600")
    terminal.wait_for("working", "latency     p50 ")
    terminal.interrupt()
    assert terminal.wait_end() == 0
    assert "stopped early" in terminal.text
    assert "Traceback" not in terminal.text
