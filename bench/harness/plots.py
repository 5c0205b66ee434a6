"""Draws what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from harness.report import OURS, Results, counted, measured_workloads

COLOURS = {
    "antiphon": "#d9480f",
    "node": "#5c940d",
    "bun": "#e0a899",
    "python-socketio": "#4dabf7",
    "limit": "#ced4da",
}


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw the speed of all servers, and what an idle connection takes; return the files."""
    plt.rcParams.update({"font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "bench"})
    files = [*_draw_speed(results, folder)]
    if results["memory"]:
        files += _draw_memory(results, folder)
    return files


def _save(figure: plt.Figure, folder: Path, name: str) -> list[Path]:
    files = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    for file in files:
        figure.savefig(file, dpi=160, bbox_inches="tight", metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
    return files


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)


def _draw_speed(results: Results, folder: Path) -> list[Path]:
    """Show every workload, with Node.js (or, without it, ourselves) as 1."""
    peers = [peer for peer in results["peers"] if peer["name"] != "limit"]
    names = [peer["name"] for peer in peers]
    base = "node" if "node" in names else OURS
    workloads = list(reversed(measured_workloads(results)))
    figure, axes = plt.subplots(figsize=(8, 0.4 + 0.5 * len(workloads)))
    height = 0.8 / len(peers)
    for place, peer in enumerate(peers):
        ratios = []
        for workload in workloads:
            turns = results["speed"][workload.name]
            own, other = (statistics.median(counted(workload, turns[name])) for name in (peer["name"], base))
            ratios.append(own / other)
        offsets = [row + 0.4 - height * (place + 0.5) for row in range(len(workloads))]
        bars = axes.barh(offsets, ratios, height, label=peer["label"], color=COLOURS[peer["name"]])
        axes.bar_label(bars, fmt="%.2f", fontsize=6, padding=2)
    axes.set_yticks(range(len(workloads)), [workload.name for workload in workloads])
    axes.axvline(1, color="#868e96", linewidth=0.6)
    axes.set_xlabel(f"events per second, {next(peer['label'] for peer in peers if peer['name'] == base)} = 1")
    axes.margins(y=0.01)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, 1 + 0.9 / len(workloads)), ncols=len(peers))
    _plain(axes)
    return _save(figure, folder, "speed")


def _draw_memory(results: Results, folder: Path) -> list[Path]:
    """Show the memory of an idle connection, at the most connections that were measured."""
    connections, by_peer = max(results["memory"].items(), key=lambda item: int(item[0]))
    peers: Sequence[dict[str, str]] = [peer for peer in reversed(results["peers"]) if peer["name"] in by_peer]
    figure, axes = plt.subplots(figsize=(8, 0.35 * len(peers) + 0.4))
    values = [by_peer[peer["name"]] / 1000 for peer in peers]
    bars = axes.barh([peer["label"] for peer in peers], values, 0.7, color=[COLOURS[peer["name"]] for peer in peers])
    axes.bar_label(bars, fmt="%.1f kB", fontsize=7, padding=2)
    axes.set_xlabel(f"memory per idle connection, at {int(connections):,}")
    _plain(axes)
    return _save(figure, folder, "memory")
