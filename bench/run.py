"""Measure Antiphon and its peers side by side: a core for the server, one for the load, in turns. See METHOD.md."""

from __future__ import annotations

import argparse
import json
import platform
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import measuring, peers, plots, report
from harness.clients import measure_clients

RESULTS = peers.BENCH / "results"
ROOT = peers.BENCH.parent
SOAK = RESULTS / "soak.json"
FILES = 120_000
"""Open files that a process needs for the workload with the most connections."""


SPARE = 1_000
"""Open files that are no connections."""


def raise_file_limit() -> int:
    """Let this process and its children open many files; return how many."""
    for limit in (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (ValueError, OSError):
            continue
        return limit
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def machine() -> dict[str, str]:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    processor = f"{name[1] if name else platform.machine()}, {cpuinfo.count('processor	:')} cores"
    return {"processor": processor, "system": f"{platform.system()} {platform.release()}"}


def _circumstances(found: list[peers.Peer]) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "peers": [{"name": peer.name, "label": peer.label, "version": peer.version} for peer in found],
    }


def publish(results: dict[str, Any], folder: Path) -> None:
    """Put the newest results into the pages that show them."""
    images = ROOT / "docs" / "images"
    for file in sorted(folder.glob("*.png")) + sorted(folder.glob("*.svg")):
        (images / f"bench-{file.name}").write_bytes(file.read_bytes())
    _fill("README.md", "bench", report.summary(results))
    _fill("docs/performance.md", "bench", report.as_markdown(results))
    publish_clients(results)


def publish_clients(results: dict[str, Any]) -> None:
    """Put what the clients do into the page that shows it."""
    _fill("docs/performance.md", "clients", report.clients_as_markdown(results))


def _fill(name: str, mark: str, text: str) -> None:
    """Replace what stands between two marks of a page."""
    page = ROOT / name
    head, _, rest = page.read_text().partition(f"<!-- {mark} -->\n")
    _, _, tail = rest.partition(f"<!-- /{mark} -->")
    page.write_text(f"{head}<!-- {mark} -->\n{text.strip()}\n<!-- /{mark} -->{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what has a goal, in less than three minutes")
    parser.add_argument("--soak", action="store_true", help="only hold 50,000 idle connections for five minutes")
    parser.add_argument("--clients", action="store_true", help="only the clients, one of each kind")
    parser.add_argument("--publish", action="store_true", help="put the newest results into README.md and docs/")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if arguments.publish and not arguments.clients:
        newest = max(RESULTS.glob("2*/results.json"))
        results = json.loads(newest.read_text())
        results["soak"] = json.loads(SOAK.read_text()) if SOAK.exists() else None
        publish(results, newest.parent)
        return
    start = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {text}", flush=True)

    found, missing = peers.find_peers()
    files = raise_file_limit()
    if arguments.soak:
        soak = measuring.measure_soak(found[0], 50_000, files - SPARE, 300.0, tell)
        SOAK.write_text(json.dumps(soak, indent=1))
        print(report.soak_line(soak))
        return
    for line in missing:
        print(line)
    effort = measuring.Effort(quick=arguments.quick)
    if arguments.clients:
        clients = measure_clients(found[0], effort.rounds, effort.seconds, tell)
        measured = _circumstances(found) | {"clients": clients}
        print(report.clients_as_markdown(measured))
        if arguments.publish:
            publish_clients(measured)
        return
    with tempfile.TemporaryDirectory() as folder:
        speed = measuring.measure_speed(found, effort, Path(folder), tell)
    clients = measure_clients(found[0], effort.rounds, effort.seconds, tell)
    memory = {}
    if files < FILES:
        missing.append(f"a process may have {files:,} files open here, and so no more connections")
    for connections in effort.idle_connections(files - SPARE):
        memory[str(connections)] = measuring.measure_memory(found, connections, tell)
    results: dict[str, Any] = _circumstances(found) | {
        "missing": missing,
        "speed": speed,
        "clients": clients,
        "memory": memory,
        "soak": json.loads(SOAK.read_text()) if SOAK.exists() else None,
    }
    target = RESULTS / time.strftime("%Y%m%d-%H%M%S")
    target.mkdir()
    (target / "results.json").write_text(json.dumps(results, indent=1))
    text = report.as_markdown(results) + "\n" + "\n".join(report.client_table(results)) + "\n"
    (target / "results.md").write_text(text)
    plots.draw(results, target)
    print("\n" + text)
    for line in report.missed_goals(results):
        print(f"missed: {line}")
    tell(f"done: {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
