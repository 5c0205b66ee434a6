"""What `import antiphon` leaves alone: it takes time that not everybody has to spend."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["antiphon", "antiphon.sync", "antiphon.cli"])
def test_what_takes_long_is_imported_by_those_who_use_it(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({{'aiohttp', 'uvicorn', 'prompt_toolkit'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
