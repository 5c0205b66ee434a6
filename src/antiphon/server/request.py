"""The HTTP request that opened a session, and the response to a request.

Source: JavaScript, ``socket.request``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl

__all__ = ["Headers", "Request", "Response", "is_header"]

Headers: TypeAlias = dict[str, str]
"""Header names in lower case. Repeated ones are joined as RFC 9110, section 5.3 allows."""

RawHeaders: TypeAlias = Iterable[tuple[bytes, bytes]]


class Request:
    """An HTTP request, without its body.

    It is kept as long as its session lives, so it keeps bytes and makes objects of them when asked (:meth:`release`).

    Args:
        method: upper case.
        path: as the client wrote it, percent-encoded.
        query_string: what stood behind the question mark.
        raw_headers: names in lower case; or the whole header block, which takes less memory.
        client: the address of the peer.
        secure: True over TLS.
        upgrade: True for a WebSocket handshake.
    """

    __slots__ = (
        "_fields",
        "_headers",
        "_is_kept",
        "_query",
        "_raw_headers",
        "_state",
        "client",
        "method",
        "path",
        "query_string",
        "secure",
        "upgrade",
    )

    def __init__(
        self,
        *,
        method: str,
        path: str,
        query_string: bytes,
        raw_headers: RawHeaders | bytes,
        client: tuple[str, int] | None,
        secure: bool,
        upgrade: bool,
    ) -> None:
        self.method: str = method
        self.path: str = path
        self.query_string: bytes = query_string
        self._raw_headers = raw_headers
        self._query: dict[str, str] | None = None
        self._headers: Headers | None = None
        self._fields: dict[bytes, bytes] | None = None
        self._state: dict[str, object] | None = None
        self._is_kept = False
        self.client: tuple[str, int] | None = client
        self.secure: bool = secure
        self.upgrade: bool = upgrade

    @property
    def state(self) -> dict[str, object]:
        """A place for middlewares of the engine and ``allow_request`` to keep what they found out."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def headers(self) -> Headers:
        """The headers, by their names in lower case."""
        if self._headers is None:
            self._headers = self._parse_headers()
        return self._headers

    def _parse_headers(self) -> Headers:
        raw = self._raw_headers
        pairs = _split(raw) if isinstance(raw, bytes) else raw
        headers: Headers = {}
        for name, value in pairs:
            key, text = str(name, "latin-1"), str(value, "latin-1")
            if key in headers:
                headers[key] += ("; " if key == "cookie" else ", ") + text
            else:
                headers[key] = text
        return headers

    def header(self, name: bytes) -> str | None:
        """Return one header, None if there is none; it takes less time than to make all of them.

        Args:
            name: in lower case.
        """
        fields = self._fields
        if fields is None:
            raw = self._raw_headers
            pairs = list(_split(raw)) if isinstance(raw, bytes) else list(raw)
            fields = dict(pairs)
            if len(fields) != len(pairs):
                # Some are repeated, and have to be joined.
                headers = self._parse_headers().items()
                fields = {name.encode("latin-1"): value.encode("latin-1") for name, value in headers}
            if not self._is_kept:
                self._fields = fields
        value = fields.get(name)
        return None if value is None else str(value, "latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; of a repeated one, the last value."""
        if self._query is None:
            self._query = _parse_query(self.query_string.decode("utf-8", "replace"))
        return self._query

    @property
    def url(self) -> str:
        """Path and query, as the client wrote them."""
        if not self.query_string:
            return self.path
        return f"{self.path}?{self.query_string.decode('latin-1')}"

    def release(self) -> None:
        """Keep only bytes, as the request will be kept for long; what is made of them is made anew when asked for."""
        self._is_kept = True
        self._headers = self._query = self._fields = None
        raw = self._raw_headers
        if not isinstance(raw, bytes):
            self._raw_headers = b"\r\n".join([b"%s: %s" % header for header in raw])

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


def _parse_query(text: str) -> dict[str, str]:
    if "%" in text or "+" in text:
        return dict(parse_qsl(text, keep_blank_values=True))
    # Nothing is escaped, as nearly always: this takes a sixth of the time.
    pairs = [pair.partition("=") for pair in text.split("&")]
    return {name: value for name, equals, value in pairs if name or equals}


def _split(block: bytes) -> Iterable[tuple[bytes, bytes]]:
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name, value.strip()


_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def is_header(name: object, value: object) -> bool:
    """Say whether this can be sent as a header. Source: RFC 9110, sections 5.1 and 5.5."""
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and _NAME.fullmatch(name) is not None
        and _VALUE.fullmatch(value) is not None
    )


@dataclass(slots=True)
class Response:
    """What a request is answered.

    Attributes:
        status: the HTTP status.
        body: the whole body.
        headers: without ``Content-Length``, which follows from the body.
        compressible: whether the body may be compressed.
    """

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    compressible: bool = False
