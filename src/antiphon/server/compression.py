"""Compression of poll responses. Source: RFC 9110, sections 8.4 and 12.5.3."""

from __future__ import annotations

import gzip
import zlib
from operator import itemgetter

from antiphon.server.options import HTTPCompression
from antiphon.server.request import Headers

__all__ = ["accepted_encodings", "compress_body", "negotiate"]


def negotiate(accept_encoding: str) -> str | None:
    """Choose the encoding that the client likes best: ``gzip``, ``deflate``, or None.

    Of those that it likes equally, one that it names comes before one that it means by ``*``, then the one it names
    first.
    """
    accepted = accepted_encodings(accept_encoding)
    places = {name: place for place, name in enumerate(accepted)}
    candidates: list[tuple[float, bool, int, str]] = []
    for name in ("gzip", "deflate"):
        entry = name if name in accepted else "*"
        if (quality := accepted.get(entry, 0.0)) > 0:
            candidates.append((-quality, entry == "*", places[entry], name))
    return min(candidates, key=itemgetter(0, 1, 2))[3] if candidates else None


def accepted_encodings(accept_encoding: str) -> dict[str, float]:
    """Return the names in an ``Accept-Encoding`` header, in lower case, with their qualities; 0 refuses one."""
    entries = (entry.partition(";") for entry in accept_encoding.split(","))
    return {name.strip().lower(): _quality(parameters) for name, _, parameters in entries}


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def compress_body(body: bytes, headers: Headers, accept_encoding: str, option: HTTPCompression) -> bytes:
    """Compress a body, if the client accepts it, and say so in ``headers``."""
    encoding = negotiate(accept_encoding)
    if encoding is None:
        return body
    headers["content-encoding"] = encoding
    if encoding == "gzip":
        return gzip.compress(body, option.level, mtime=0)
    return zlib.compress(body, option.level)
