"""How values, errors and times are written: one line, safe for any terminal."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Final

from antiphon.errors import ConnectionRefused, TransportError

__all__ = [
    "compact",
    "compact_all",
    "duration",
    "lasting",
    "name_as_typed",
    "plain_json",
    "refusal",
    "safe",
    "told",
    "why_disconnected",
]

_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would move the cursor, change colours, or turn the direction of text."""

_PLAIN_NAME: Final = re.compile(r"""(?!\?$)[^\s/"{\[\x00-\x1f][^\s\x00-\x1f]*""")

_REASONS: Final = {
    "io server disconnect": "the server has disconnected this client",
    "io client disconnect": "as you wished",
    "ping timeout": "the server was silent for too long",
    "transport close": "the connection was closed",
    "transport error": "the connection broke",
    "parse error": "what the server sent is no packet",
    "forced close": "it was closed here",
}


def safe(text: str) -> str:
    """Return text of a stranger so that it does nothing to the terminal."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def compact(value: object) -> str:
    """Return a value as JSON, with binary as ``<12 bytes>``."""
    try:
        return safe(_compact(value))
    except RecursionError:
        return "<nested too deeply to show>"


def _compact(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        size = memoryview(value).nbytes
        return f"<{size:,} byte{'' if size == 1 else 's'}>"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(str(name))}:{_compact(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=repr)


def name_as_typed(name: str) -> str:
    """Return the name of an event as one would type it: in quotes, if it could be misread."""
    return safe(name) if _PLAIN_NAME.fullmatch(name) else compact(name)


def compact_all(values: Sequence[object]) -> str:
    """Return several values, with a space between them."""
    return " ".join(map(compact, values))


def plain_json(value: object) -> str:
    """Return a value as JSON for programs, with binary as ``{"base64": "..."}``."""
    return json.dumps(value, separators=(",", ":"), default=_encode_binary)


def _encode_binary(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return repr(value)


def duration(seconds: float) -> str:
    """Return a short time with three digits: ``1.23 ms``."""
    milliseconds = seconds * 1000
    if milliseconds >= 1000:
        return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:,.0f} s"
    if milliseconds >= 100:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds:.3g} ms" if milliseconds >= 1 else f"{milliseconds:.2f} ms"


def lasting(seconds: float) -> str:
    """Return a number of seconds as people say it: ``1.5 s``."""
    return f"{seconds:.1f} s"


def refusal(error: ConnectionRefused) -> str:
    """Say how the server refuses a client."""
    data = "" if error.data is None else f" {compact(error.data)}"
    return f"the server refuses the connection: {safe(error.message)}{data}"


def told(error: Exception) -> str:
    """Return what an error says, in one line."""
    return refusal(error) if isinstance(error, ConnectionRefused) else safe(str(error))


def why_disconnected(reason: str, details: TransportError | None) -> str:
    """Say why there is no connection any more."""
    words = _REASONS.get(reason)
    text = safe(reason) if words is None else f"{words} ({reason})"
    return text if details is None else f"{text}: {safe(str(details))}"
