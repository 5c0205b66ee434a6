"""What matters most needs no more instructions than it may: seconds mean nothing on a machine that others use too."""

from __future__ import annotations

import pytest
from bench.micro.instructions import count_instructions, find_valgrind
from bench.micro.limits import LIMITS, judge

YARDSTICKS = {limit.yardstick for limit in LIMITS.values()}


@pytest.fixture(scope="module")
def counts() -> dict[str, float]:
    """The instructions of an operation of each workload, all from one run."""
    if find_valgrind() is None:
        pytest.skip("valgrind is not installed: it counts the instructions")
    return count_instructions([*YARDSTICKS, *LIMITS])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LIMITS)
def test_a_workload_needs_no_more_instructions_than_it_may(name: str, counts: dict[str, float]) -> None:
    complaint = judge(name, counts)
    assert complaint is None, complaint


@pytest.mark.parametrize("name", LIMITS)
def test_a_workload_that_needs_more_is_named(name: str) -> None:
    yardstick, limit = LIMITS[name]
    assert judge(name, {yardstick: 1000, name: 999 * limit}) is None
    complaint = judge(name, {yardstick: 1000, name: 1100 * limit})
    assert complaint is not None
    assert name in complaint
    assert "10%" in complaint
