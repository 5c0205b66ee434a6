"""Measures how long the workloads take, with pyperf. Its options are those of every pyperf script.

    python -m bench.micro.times --fast --output before.json
    python -m bench.micro.times --only broadcast

On a machine with other work to do, trust the instructions.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from time import perf_counter

import pyperf
from bench.micro.workload import Run
from bench.micro.workloads import WORKLOADS


@cache
def _prepare(name: str) -> Run:
    # pyperf measures a workload several times in a process, and comes by with its name for all the others.
    return WORKLOADS[name]()


def _measure(name: str, loops: int) -> float:
    run = _prepare(name)
    start = perf_counter()
    run(loops)
    return perf_counter() - start


def _pass_on(command: list[str], arguments: argparse.Namespace) -> None:
    """Tell the processes that pyperf starts what it does not know."""
    if arguments.only is not None:
        command += ["--only", arguments.only]


def main() -> None:
    # A second for each workload: enough to see what matters.
    runner = pyperf.Runner(
        processes=4, min_time=0.05, program_args=("-m", "bench.micro.times"), add_cmdline_args=_pass_on
    )
    runner.argparser.add_argument("--only", metavar="WORD", help="measure the workloads whose names have this in them")
    word = runner.parse_args().only or ""
    for name in WORKLOADS:
        if word in name:
            runner.bench_time_func(name, partial(_measure, name))


if __name__ == "__main__":
    main()
