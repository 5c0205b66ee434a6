"""Performs workloads in processes of their own, for ``instructions.py``, which runs this under valgrind.

    python -m bench.micro.counting <count> [<name>...]

For each workload (all of them if none is named) it prints a line of JSON: its name, and the two processes that have
performed it so many times, and twice as often. Both are forked off the same process, in which the workload is prepared
and warm. So the difference between their instructions is that many operations and nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial

from bench.micro.workloads import WORKLOADS


def main(count: int, names: Sequence[str]) -> None:
    for name in names or WORKLOADS:
        # In a process of its own too: what the others leave in memory must not matter.
        _fork(partial(_perform, name, count))


def _perform(name: str, count: int) -> None:
    run = WORKLOADS[name]()
    run(count)
    # When it collects depends on all that has happened before.
    gc.disable()
    once = _fork(partial(run, count))
    twice = _fork(partial(run, 2 * count))
    print(json.dumps({"name": name, "once": once, "twice": twice}), flush=True)


def _fork(function: Callable[[], None]) -> int:
    """Call a function in a new process, wait for its end, and return its number."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may leave this function: the process is a copy
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(process, 0)
    if status != 0:
        raise RuntimeError("what was forked has failed")
    return process


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
