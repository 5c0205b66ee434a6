"""Counts the instructions that workloads need, with valgrind: as many on a busy machine as on a quiet one.

    python -m bench.micro.instructions [<name>...]

It prints a table, of all workloads if none is named, and fails if one is above its limit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.micro.limits import LIMITS, judge

__all__ = ["count_instructions", "find_valgrind"]

_ROOT = Path(__file__).parents[2]
_TOTAL = re.compile(r"==(\d+)== I\s+refs:\s+([\d,]+)")

_COUNT = 1000
"""How often a workload is performed. After as many the interpreter has specialised its instructions."""


def find_valgrind() -> str | None:
    """Return where valgrind is; None if it is not installed."""
    return shutil.which("valgrind")


def count_instructions(names: Sequence[str]) -> dict[str, float]:
    """Return how many instructions each of these workloads needs for an operation; of all of them if none is named.

    Raises:
        RuntimeError: one has failed; it says how.
    """
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "valgrind.log"
        # Not callgrind, which takes twice as long to know who calls whom.
        tool = ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", f"--log-file={log}")
        finished = subprocess.run(
            ["valgrind", *tool, sys.executable, "-m", "bench.micro.counting", str(_COUNT), *names],
            cwd=_ROOT,
            # Where strings are in a dictionary depends on their hashes.
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        text = log.read_text() if log.exists() else ""
    if finished.returncode != 0:
        raise RuntimeError(f"the workloads could not be performed:\n{finished.stderr}\n{text}")
    totals = {process: int(total.replace(",", "")) for process, total in _TOTAL.findall(text)}
    performed = [json.loads(line) for line in finished.stdout.splitlines()]
    return {each["name"]: (totals[str(each["twice"])] - totals[str(each["once"])]) / _COUNT for each in performed}


def main(names: Sequence[str]) -> int:
    if find_valgrind() is None:
        print("valgrind is not installed: it counts the instructions")
        return 1
    yardsticks = [LIMITS[name].yardstick for name in names if name in LIMITS]
    counts = count_instructions(list(dict.fromkeys([*yardsticks, *names])))
    print(f"{'instructions for an operation':40} {'':9} {'ratio':>7} {'limit':>7}")
    for name in counts:
        print(_line(name, counts))
    complaints = list(filter(None, (judge(name, counts) for name in counts if name in LIMITS)))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def _line(name: str, counts: dict[str, float]) -> str:
    line = f"{name:40} {counts[name]:9,.0f}"
    limit = LIMITS.get(name)
    if limit is None:
        return line
    return f"{line} {counts[name] / counts[limit.yardstick]:7.3f} {limit.ratio:7.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
