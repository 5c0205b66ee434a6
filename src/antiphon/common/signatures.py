"""Whether a function of the user can be called with what it will be given: told when it is handed over, not later."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from antiphon.errors import ConfigurationError

__all__ = ["check_function", "check_plain", "is_async"]


def check_function(function: Callable[..., object], what: str, *arguments: str) -> None:
    """Check that a function takes these arguments.

    Args:
        function: of the user.
        what: what it is, for the error.
        arguments: what it will be given, for the error.

    Raises:
        ConfigurationError: it is no function, or takes others.
    """
    expected = " and ".join(arguments)
    if not callable(function):
        raise ConfigurationError(f"{what} must be a function of {expected}, not {function!r}")
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        name = getattr(function, "__qualname__", repr(function))
        count = "one argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        raise ConfigurationError(
            f"{name}() must take {count}, {expected}: there is no next() and no callback, "
            "it returns what it has to say, and raises to refuse"
        ) from None
    except ValueError:
        # Some built-in functions do not tell.
        return


def is_async(function: Callable[..., object]) -> bool:
    """Tell whether a function is async, or an object that is called like one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def check_plain(function: Callable[..., object], what: str) -> None:
    """Check that a function can simply be called, and nobody has to wait for it.

    Args:
        function: of the user.
        what: what it is, for the error.

    Raises:
        ConfigurationError: it is async.
    """
    if is_async(function):
        raise ConfigurationError(f"{what} must be a plain function, not async: {function!r}")
