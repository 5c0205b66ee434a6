"""What ``antiphon bench`` shows: how it goes, and how it went."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from antiphon._console.histogram import Histogram
from antiphon._console.load import LoadTest, Tally, per_second
from antiphon._console.output import duration

__all__ = ["LineProgress", "LiveProgress", "Progress", "as_dict", "print_summary"]

_BUSY: Final = 0.9
"""The share of a processor from which on the load test itself may be what is slow."""
_REASONS_SHOWN: Final = 8


class Progress(Protocol):
    """Shows how a load test goes.

    Attributes:
        interval: seconds between two looks.
    """

    interval: float

    def show(self, test: LoadTest) -> None:
        """Show how it goes."""
        ...

    def close(self) -> None:
        """Show nothing more."""
        ...


class Meter:
    """How many events there are in a second, now."""

    def __init__(self) -> None:
        self._before = (0.0, 0)
        self.rate: float = 0.0

    def look(self, test: LoadTest) -> float:
        """Return the rate since the last look."""
        count = test.tally.sent if test.load.mode == "emit" else test.tally.received
        elapsed = test.elapsed
        seconds = elapsed - self._before[0]
        if seconds > 0.1:
            self.rate = per_second(count - self._before[1], seconds)
            self._before = (elapsed, count)
        return self.rate


class LiveProgress:
    """Draws on a terminal."""

    def __init__(self, console: Console) -> None:
        # What draws keeps answers from being read. So it draws little, twice a second, and in no thread of its own.
        self.interval: float = 0.5
        self._meter = Meter()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def show(self, test: LoadTest) -> None:
        """Draw it."""
        self._live.update(self._draw(test), refresh=True)

    def _draw(self, test: LoadTest) -> Group:
        tally, load = test.tally, test.load
        if test.phase == "connecting":
            total, done, words = (
                load.clients,
                tally.settled,
                f"connecting  {tally.settled:,} of {load.clients:,} clients",
            )
        else:
            total, done = 1000, int(1000 * min(test.elapsed / load.duration, 1))
            words = f"{test.phase}  {min(test.elapsed, load.duration):.0f} of {load.duration:g} s"
        lines = Text(no_wrap=True)
        for name, text in rows_of(test, self._meter.look(test)):
            lines.append(f"{name:12}", style="bold").append(f"{text}\n")
        lines.append(words, style="dim")
        return Group(
            lines, ProgressBar(total=total, completed=done, width=60, complete_style="cyan", finished_style="green")
        )

    def close(self) -> None:
        """Wipe it away."""
        self._live.stop()


class LineProgress:
    """Prints a line every few seconds."""

    def __init__(self) -> None:
        self.interval: float = 2.0
        self._meter = Meter()

    def show(self, test: LoadTest) -> None:
        """Print it."""
        tally = test.tally
        if test.phase == "connecting":
            text = f"connecting: {tally.connected} of {test.load.clients} clients, {tally.failed.total()} failed"
        else:
            text = f"{test.elapsed:.0f} s: {self._meter.look(test):,.0f} events per second"
            if tally.latencies.count:
                p50, p99 = map(duration, tally.latencies.percentiles(50, 99))
                text += f", latency p50 {p50}, p99 {p99}"
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Do nothing."""


def rows_of(test: LoadTest, rate: float) -> list[tuple[str, str]]:
    """Return what is known while it runs."""
    tally = test.tally
    rows = [("clients", _clients(tally)), ("events", _events(test)), ("rate", f"{rate:,.0f} per second")]
    if tally.latencies.count:
        rows.append(("latency", _percentiles(tally.latencies, 50, 95, 99)))
    if tally.errors:
        rows.append(("errors", f"{tally.errors.total():,}"))
    return rows


def _clients(tally: Tally) -> str:
    text = f"{tally.connected:,} connected"
    if tally.transports:
        text += f" ({', '.join(f'{name} {count:,}' for name, count in tally.transports.most_common())})"
    return f"{text}, {tally.failed.total():,} failed, {tally.lost.total():,} lost"


def _events(test: LoadTest) -> str:
    tally, mode = test.tally, test.load.mode
    if mode == "listen":
        return f"{tally.received:,} received"
    if mode == "emit":
        return f"{tally.sent:,} sent"
    return f"{tally.sent:,} sent, {tally.received:,} answered"


def _percentiles(times: Histogram, *shares: float) -> str:
    found = zip(shares, times.percentiles(*shares), strict=True)
    parts = [f"p{share:g} {duration(seconds)}" for share, seconds in found]
    return "   ".join([*parts, f"max {duration(times.longest)}"])


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, Text(text))
    return table


# The summary


def as_dict(test: LoadTest, url: str) -> dict[str, Any]:
    """Return the summary for programs; times are in milliseconds."""
    tally, load = test.tally, test.load
    return {
        "url": url,
        "mode": load.mode,
        "clients": {
            "asked": load.clients,
            "connected": tally.connected,
            "failed": tally.failed.total(),
            "lost": tally.lost.total(),
            "transports": dict(tally.transports),
        },
        "connect_ms": _times(tally.connect_times, 50, 99),
        "seconds": round(tally.seconds, 3),
        "events": {
            "sent": tally.sent,
            "received": tally.received,
            "unanswered": _unanswered(test),
            "skipped": tally.skipped,
        },
        "rate": round(per_second(tally.in_time, tally.seconds), 1),
        "latency_ms": _times(tally.latencies, 50, 95, 99),
        "reasons": {"failed": dict(tally.failed), "lost": dict(tally.lost), "errors": dict(tally.errors)},
        "busy": round(tally.busy, 3),
    }


def _times(times: Histogram, *shares: float) -> dict[str, float] | None:
    if not times.count:
        return None
    found = {f"p{share:g}": seconds for share, seconds in zip(shares, times.percentiles(*shares), strict=True)}
    return {name: round(seconds * 1000, 3) for name, seconds in {**found, "max": times.longest}.items()}


def _unanswered(test: LoadTest) -> int:
    return test.tally.sent - test.tally.received if test.load.mode in {"ack", "echo"} else 0


def print_summary(test: LoadTest, console: Console) -> None:
    """Print how it went."""
    tally, load = test.tally, test.load
    rows = [("clients", f"{load.clients:,} asked, {_clients(tally)}")]
    if tally.connect_times.count:
        rows.append(("connecting", _percentiles(tally.connect_times, 50, 99)))
    if tally.seconds:
        rows += [
            ("events", f"{_events(test)} in {tally.seconds:.1f} s"),
            ("rate", f"{per_second(tally.in_time, tally.seconds):,.0f} per second"),
        ]
    if tally.latencies.count:
        rows.append(("latency", _percentiles(tally.latencies, 50, 95, 99)))
    rows += _troubles(test)
    if console.is_terminal:
        console.print(_table(rows))
    else:
        for name, text in rows:
            console.print(Text(f"{name:12}{text}"), soft_wrap=True)


def _troubles(test: LoadTest) -> list[tuple[str, str]]:
    tally = test.tally
    rows = [*_grouped("failed", tally.failed), *_grouped("lost", tally.lost), *_grouped("errors", tally.errors)]
    if test.stopped.is_set():
        rows.append(("note", "stopped early" if tally.seconds else "stopped before all had connected"))
    if not tally.connected:
        rows.append(("note", "nobody has connected"))
    elif tally.seconds and not (tally.in_time or rows):
        rows.append(("note", "nothing was measured: does the server know the event? see --event and --mode"))
    if unanswered := _unanswered(test):
        rows.append(("unanswered", f"{unanswered:,}"))
    if tally.skipped:
        rows.append(("skipped", f"{tally.skipped:,} that were due while --in-flight others waited"))
    if tally.busy > _BUSY:
        rows.append(("note", f"the load test was busy for {tally.busy:.0%} of the time: it may be what is slow"))
    return rows or [("errors", "none")]


def _grouped(name: str, reasons: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the reasons, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    rows = [
        (name if not index else "", f"{count:,} x {why}") for index, (why, count) in enumerate(ordered[:_REASONS_SHOWN])
    ]
    if rest := sum(count for _, count in ordered[_REASONS_SHOWN:]):
        rows.append(("", f"{rest:,} for other reasons"))
    return rows
