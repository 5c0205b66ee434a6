"""Makes tables of what was measured, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from harness.clients import CLIENT_GOALS, LABELS
from harness.workloads import MEMORY_GOALS, MEMORY_LIMIT, WORKLOADS, Workload

Results = Mapping[str, Any]
OURS = "antiphon"


def counted(workload: Workload, turns: Sequence[Mapping[str, float]]) -> list[float]:
    """Return what a workload counts, of each turn."""
    return [turn[workload.counts] for turn in turns]


def ratio(workload: Workload, turns: Mapping[str, Sequence[Mapping[str, float]]], other: str) -> float:
    """Return the median of the ratios of each round, ours to another's."""
    pairs = zip(counted(workload, turns[OURS]), counted(workload, turns[other]), strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def measured_workloads(results: Results) -> list[Workload]:
    """Return the workloads that were measured, in the order of the list."""
    return [workload for workload in WORKLOADS if workload.name in results["speed"]]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(*cells: str) -> list[str]:
    return [_row(cells), "|---" * len(cells) + "|"]


def _compared(value: float, goal: float | None, *, least: bool = True) -> str:
    if goal is None:
        return f"{value:.2f}"
    met = value >= goal if least else value <= goal
    return f"{value:.2f} ({'' if met else 'missed: '}{'≥' if least else '≤'} {goal:g})"


def ratio_table(results: Results) -> list[str]:
    """Return ours to each of the others, with the goals in parentheses."""
    others = [peer for peer in results["peers"] if peer["name"] != OURS]
    lines = _head("Antiphon, as a multiple of", *(peer["label"] for peer in others))
    for workload in measured_workloads(results):
        turns = results["speed"][workload.name]
        cells = [workload.name]
        for peer in others:
            name = peer["name"]
            cells.append(_compared(ratio(workload, turns, name), workload.goals.get(name)) if name in turns else "-")
        lines.append(_row(cells))
    for connections, by_peer in results["memory"].items():
        cells = [f"memory per idle connection, at {int(connections):,}"]
        for peer in others:
            theirs = by_peer.get(peer["name"])
            goal = MEMORY_GOALS.get(peer["name"])
            cells.append("-" if theirs is None else _compared(by_peer[OURS] / theirs, goal, least=False))
        lines.append(_row(cells))
    return lines


def speed_table(results: Results) -> list[str]:
    """Return medians, with the lowest and the highest."""
    lines = _head("per second: median (lowest - highest)", *(peer["label"] for peer in results["peers"]))
    for workload in measured_workloads(results):
        cells = [workload.name]
        for peer in results["peers"]:
            turns = results["speed"][workload.name].get(peer["name"])
            if turns is None:
                cells.append("-")
            else:
                values = counted(workload, turns)
                cells.append(f"{statistics.median(values):,.0f} ({min(values):,.0f} - {max(values):,.0f})")
        lines.append(_row(cells))
    for connections, by_peer in results["memory"].items():
        cells = [f"memory per idle connection, at {int(connections):,}"]
        for peer in results["peers"]:
            value = by_peer.get(peer["name"])
            cells.append("-" if value is None else f"{value / 1000:.1f} kB")
        lines.append(_row(cells))
    return lines


def _client_values(results: Results) -> dict[str, dict[str, list[float]]]:
    """Return the events per second of every client, by workload."""
    return {
        workload: {name: [turn["events_per_s"] for turn in mine] for name, mine in turns.items()}
        for workload, turns in results.get("clients", {}).items()
    }


def _client_ratio(values: Mapping[str, Sequence[float]], other: str) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(values[OURS], values[other], strict=True))


def client_table(results: Results) -> list[str]:
    """Return what one client does, and ours to each of the others."""
    by_workload = _client_values(results)
    if not by_workload:
        return []
    names = list(next(iter(by_workload.values())))
    lines = _head("events per second of a client: median", *(LABELS[name] for name in names))
    for workload, values in by_workload.items():
        cells = [f"{statistics.median(values[OURS]):,.0f}"]
        for name in names[1:]:
            compared = _compared(
                _client_ratio(values, name), CLIENT_GOALS[workload] if name == "python-socketio" else None
            )
            cells.append(f"{statistics.median(values[name]):,.0f}; ours is {compared} times that")
        lines.append(_row([workload, *cells]))
    return lines


def latency_table(results: Results) -> list[str]:
    """Return latencies at half of what each server can do."""
    turns = results["speed"].get("latency")
    if turns is None:
        return []
    lines = _head("echo at half load", "events per second", "half of all", "99 %", "99.9 %")
    for peer in results["peers"]:
        mine = turns[peer["name"]]
        median = {key: statistics.median(turn[key] for turn in mine) for key in ("rate", "p50_us", "p99_us", "p999_us")}
        times = [f"{median[key] / 1000:.2f} ms" for key in ("p50_us", "p99_us", "p999_us")]
        lines.append(_row([peer["label"], f"{median['rate']:,.0f}", *times]))
    return lines


def soak_line(soak: Mapping[str, float]) -> str:
    """Return what became of many idle connections, as a sentence."""
    processes = f"{soak['processes']:.0f} processes on one core, " if soak["processes"] > 1 else ""
    minutes = f"{soak['seconds'] / 60:.0f} minutes of default heartbeats"
    return (
        f"{processes}{soak['connections']:,.0f} idle connections, {minutes}: "
        f"{soak['lost']:.0f} lost, {100 * soak['cpu_share']:.1f} % of a core, "
        f"{soak['memory_per_connection'] / 1000:.1f} kB each."
    )


def missed_goals(results: Results) -> list[str]:
    """Return a line for each goal that was missed."""
    lines = []
    for workload in measured_workloads(results):
        turns = results["speed"][workload.name]
        for name, goal in workload.goals.items():
            if name in turns and (reached := ratio(workload, turns, name)) < goal:
                lines.append(f"{workload.name}: {reached:.2f} of {name}, the goal is {goal:g}")
    for connections, by_peer in results["memory"].items():
        for name, goal in MEMORY_GOALS.items():
            if name in by_peer and (reached := by_peer[OURS] / by_peer[name]) > goal:
                lines.append(f"memory at {int(connections):,}: {reached:.2f} of {name}, the goal is {goal:g}")
        if by_peer[OURS] > MEMORY_LIMIT:
            lines.append(f"memory at {int(connections):,}: {by_peer[OURS]:,.0f} bytes, the goal is {MEMORY_LIMIT:,}")
    return lines + _missed_client_goals(results)


def _missed_client_goals(results: Results) -> list[str]:
    lines = []
    for workload, values in _client_values(results).items():
        goal = CLIENT_GOALS[workload]
        if goal is None or "python-socketio" not in values:
            continue
        if (reached := _client_ratio(values, "python-socketio")) < goal:
            lines.append(f"{workload}: {reached:.2f} of python-socketio, the goal is {goal:g}")
    return lines


def _circumstances(results: Results) -> str:
    machine = results["machine"]
    versions = "; ".join(f"{peer['label']}: {peer['version']}" for peer in results["peers"])
    return f"Measured on {results['date']}: {machine['processor']}, {machine['system']}. {versions}."


def _join(*parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def summary(results: Results) -> str:
    """Return how we compare, and under which circumstances."""
    soak = results.get("soak")
    soak_lines = [soak_line(soak)] if soak else []
    return _join([_circumstances(results)], ratio_table(results), soak_lines)


def clients_as_markdown(results: Results) -> str:
    """Return what the clients do, and under which circumstances."""
    return _join([_circumstances(results)], client_table(results))


def as_markdown(results: Results) -> str:
    """Return everything that was measured."""
    return _join([summary(results).rstrip()], speed_table(results), latency_table(results), results["missing"])
