"""What is typed: a line is an event with its arguments, or a command. Nothing is read or sent here."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Command", "FileArgument", "InputError", "TypedEvent", "parse_argument", "parse_json", "parse_line"]

_ANSWER: Final = "?"
"""At the end of a line: the answer is wanted."""
_SPACE: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"\S+")
_BEGINS_JSON: Final = ("{", "[", '"')


class InputError(ValueError):
    """What was typed makes no sense; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class FileArgument:
    """An argument that is the content of a file, as binary.

    Attributes:
        path: where it is.
    """

    path: str


@dataclass(frozen=True, slots=True)
class TypedEvent:
    """An event to send.

    Attributes:
        name: of the event.
        args: values, among them any :class:`FileArgument`.
        wants_answer: whether to ask for an acknowledgement.
    """

    name: str
    args: tuple[object, ...]
    wants_answer: bool


@dataclass(frozen=True, slots=True)
class Command:
    """Something for the console itself.

    Attributes:
        name: without the slash.
    """

    name: str


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


_decoder: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def parse_json(text: str) -> Any:
    """Return a JSON value.

    Raises:
        InputError: it is none; the message says where.
    """
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(_why(text, error)) from None


def _why(text: str, error: Exception) -> str:
    shown = text.strip()
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if isinstance(error, RecursionError):
        return "JSON that is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        where = "at its end" if error.pos >= len(text.rstrip()) else f"at {text[error.pos : error.pos + 10]!r}"
        what = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
        return f"{shown} is no JSON: {what} {where}"
    return f"{shown} is no JSON: {error}"


def parse_argument(text: str) -> object:
    """Return what one word stands for: a JSON value, the content of a file (``@path``), or else the text itself.

    Raises:
        InputError: it begins like JSON, and is none: that is a mistake more often than it is meant.
    """
    if text.startswith("@") and len(text) > 1:
        return FileArgument(text[1:])
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        if text.startswith(_BEGINS_JSON):
            raise InputError(f"{_why(text, error)}; text that begins like JSON goes in double quotes") from None
        return text


def parse_line(line: str) -> TypedEvent | Command | None:
    """Return what a typed line means; None if it is empty.

    Raises:
        InputError: it means nothing.
    """
    line = line.strip()
    if not line:
        return None
    if line.startswith("/"):
        name, *more = line[1:].split()
        if more:
            raise InputError(
                f'/{name} takes no arguments; the name of an event that begins with / goes in quotes: "/{name}"'
            )
        return Command(name)
    if line[0] in "{[":
        raise InputError('a line begins with the name of an event: chat {"json": 1}')
    words = _split(line)
    wants_answer = len(words) > 1 and words[-1] == _ANSWER
    if wants_answer:
        words.pop()
    name = words[0]
    if name.startswith('"'):
        name = parse_json(name)
    elif name == _ANSWER:
        raise InputError("a line begins with the name of an event: chat hello ?")
    return TypedEvent(name, tuple(parse_argument(word) for word in words[1:]), wants_answer)


def _split(line: str) -> list[str]:
    """Return the words of a line; spaces within a JSON value do not end it.

    Raises:
        InputError: something begins like JSON, and is none.
    """
    words = []
    position = 0
    while position < len(line):
        if line[position] in _BEGINS_JSON:
            try:
                _, end = _decoder.raw_decode(line, position)
            except (ValueError, RecursionError) as error:
                why = _why(line[position:], _moved(error, line, position))
                raise InputError(f"{why}; text that begins like JSON goes in double quotes") from None
            if end < len(line) and not line[end].isspace():
                raise InputError(f"a space is missing after {line[position:end]}")
        else:
            found = _WORD.match(line, position)
            assert found is not None  # noqa: S101 - it is no space
            end = found.end()
        words.append(line[position:end])
        following = _SPACE.match(line, end)
        position = end if following is None else following.end()
    return words


def _moved(error: Exception, line: str, position: int) -> Exception:
    """Return an error of JSON as if what is before it were not there."""
    if isinstance(error, json.JSONDecodeError):
        return json.JSONDecodeError(error.msg, line[position:], max(error.pos - position, 0))
    return error
