"""Checks of options, which say what was wrong and what to give instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TypeVar

from antiphon.errors import ConfigurationError

__all__ = ["check_known", "check_number", "check_seconds", "enabled"]

T = TypeVar("T")


def check_number(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    """Check that an option is a whole number within its limits.

    Raises:
        ConfigurationError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest or (highest and value > highest):
        limits = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise ConfigurationError(f"{name} must be a whole number {limits}, not {value!r}")


def check_seconds(name: str, value: object, highest: float) -> None:
    """Check that an option is a number of seconds that makes sense.

    Raises:
        ConfigurationError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {value!r}")
    if value > highest:
        raise ConfigurationError(f"{name} is in seconds: {value!r} would be {value / 3600:.0f} hours")


def check_known(names: Iterable[str], known: Sequence[str]) -> None:
    """Check that options are known.

    Raises:
        ConfigurationError: one is not; the message suggests what was meant.
    """
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(_snake(name), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise ConfigurationError(f"unknown option {name}: {hint}")


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def enabled(name: str, value: bool | T, default: type[T]) -> T | None:
    """Return the details of an option that may be just True or False; None if it is off.

    Raises:
        ConfigurationError: it is something else.
    """
    if value is True:
        return default()
    if value is False or value is None:
        return None
    if not isinstance(value, default):
        raise ConfigurationError(f"{name} expects True, False or {default.__name__}(...), not {value!r}")
    return value
