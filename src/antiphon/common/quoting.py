"""What a client has sent, as it may stand in the log: nobody is to fill it, or to write lines of it."""

from __future__ import annotations

from typing import Final

__all__ = ["quoted", "shortened"]

_LONGEST: Final = 200
"""Characters that are enough to know it by."""


def shortened(text: str) -> str:
    """Return a text, or its beginning."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def quoted(text: str) -> str:
    """Return a text, or its beginning, on one line; in quotation marks if not all of it can be printed."""
    return shortened(text if text.isprintable() else repr(text))
