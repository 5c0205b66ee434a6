"""The workloads do what they say; each checks the last that it has done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_workload_can_be_performed() -> None:
    # In another process: it forks.
    command = [sys.executable, "-m", "bench.micro.counting", "100"]
    finished = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert '"echo"' in finished.stdout
