"""How values and times are written, and how many times are kept."""

from __future__ import annotations

import json
import random

import pytest

from antiphon._console.histogram import Histogram
from antiphon._console.input import TypedEvent, parse_line
from antiphon._console.output import compact, compact_all, duration, name_as_typed, plain_json, safe


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None, True, 1.5]}, '{"a":[1,null,true,1.5]}'),
        ("ü 日本 🙂", '"ü 日本 🙂"'),
        (b"", "<0 bytes>"),
        (b"x", "<1 byte>"),
        ({"picture": [b"x" * 1234]}, '{"picture":[<1,234 bytes>]}'),
        ("\x1b[2J\x9b31m", '"\\u001b[2J\\u009b31m"'),
        ("\u202eabc", '"\\u202eabc"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_a_value_is_one_line_that_does_nothing_to_the_terminal(value: object, shown: str) -> None:
    assert compact(value) == shown


def test_what_is_nested_deeper_than_python_goes_is_not_shown() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert compact(value) == "<nested too deeply to show>"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("chat", "chat"),
        ("chat:new", "chat:new"),
        ("ü?!", "ü?!"),
        ("two words", '"two words"'),
        ("/help", '"/help"'),
        ("", '""'),
        ("?", '"?"'),
        ('"quoted"', '"\\"quoted\\""'),
        ("{}", '"{}"'),
        ("\x1b", '"\\u001b"'),
    ],
)
def test_a_name_is_shown_as_it_is_typed(name: str, shown: str) -> None:
    assert name_as_typed(name) == shown
    assert parse_line(f"{shown} 1") == TypedEvent(name, (1,), False)


def test_several_values_have_spaces_between_them() -> None:
    assert compact_all([1, "a", {}]) == '1 "a" {}'


def test_text_of_a_stranger_is_made_safe() -> None:
    assert safe("a\x1b]0;title\x07\nb") == "a\\u001b]0;title\\u0007\\u000ab"


def test_for_programs_binary_is_base64() -> None:
    assert json.loads(plain_json([b"\x00\x01", {"a": "ü"}])) == [{"base64": "AAE="}, {"a": "ü"}]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.00 ms"),
        (0.000_123, "0.12 ms"),
        (0.001_234, "1.23 ms"),
        (0.012_34, "12.3 ms"),
        (0.123_4, "123 ms"),
        (1.234, "1.23 s"),
        (12.34, "12.3 s"),
        (1234, "1,234 s"),
    ],
)
def test_a_time_has_three_digits(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_percentiles_are_right_within_half_a_percent() -> None:
    chance = random.Random(1)
    times = [chance.lognormvariate(-7, 2) for _ in range(20_000)]
    histogram = Histogram()
    for seconds in times:
        histogram.add(seconds)
    times.sort()
    shares = (0.01, 1, 50, 95, 99, 99.9)
    for share, found in zip(shares, histogram.percentiles(*shares), strict=True):
        exact = times[max(-(-len(times) * share // 100), 1).__int__() - 1]
        assert found == pytest.approx(exact, rel=0.005), share
    assert histogram.longest == times[-1]
    assert histogram.percentiles(100) == [times[-1]]
    assert histogram.count == len(times)


def test_times_that_are_out_of_bounds_are_counted() -> None:
    histogram = Histogram()
    assert histogram.percentiles(50) == [0]
    for seconds in (-1e-9, 0, 1e-12, 1e9):
        histogram.add(seconds)
    assert histogram.percentiles(50)[0] < 1e-6
    assert histogram.percentiles(100) == [1e9]
