"""The public types, under both type checkers that people use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYRIGHT = HERE / "node_modules" / ".bin" / "pyright"

needs_pyright = pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright: run npm ci in tests/typing")


def mypy(file: str) -> set[int]:
    """Return the lines of a file that mypy refuses."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", str(HERE / file)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    found = re.findall(rf"{re.escape(file)}:(\d+): error", result.stdout)
    assert found or result.returncode == 0, result.stdout
    return set(map(int, found))


def run_pyright(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [str(PYRIGHT), *arguments]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=110, cwd=HERE, env=environment)


def pyright(file: str) -> set[int]:
    """Return the lines of a file that pyright refuses."""
    report = json.loads(run_pyright("--outputjson", file).stdout)
    return {
        entry["range"]["start"]["line"] + 1 for entry in report["generalDiagnostics"] if entry["severity"] == "error"
    }


CHECKERS = [pytest.param(mypy, id="mypy"), pytest.param(pyright, id="pyright", marks=needs_pyright)]


@pytest.mark.parametrize("check", CHECKERS)
def test_what_is_right_is_accepted(check):
    assert check("accepted.py") == set()


@pytest.mark.parametrize("check", CHECKERS)
def test_what_is_wrong_is_refused(check):
    lines = (HERE / "refused.py").read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# E")}
    assert len(marked) > 20
    assert check("refused.py") == marked


@needs_pyright
def test_all_public_types_are_known():
    result = run_pyright("--verifytypes", "antiphon")
    assert "Type completeness score: 100%" in result.stdout, result.stdout[-3000:]
    assert result.returncode == 0
