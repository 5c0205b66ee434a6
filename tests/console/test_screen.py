"""The screen of the console, when nobody looks at it."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import sys
from antiphon._console.screen import Screen

told = []
screen = Screen()
screen.on_closed = lambda: told.append("closed")
screen.good("one line")
screen.good("another")
sys.stderr.write(" ".join(told))
"""


def test_it_tells_once_that_nobody_reads_it_and_goes_on() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.stderr, done.returncode) == (b"closed", 0)
