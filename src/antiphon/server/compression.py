"""Compression of poll responses. Source: RFC 9110, sections 8.4 and 12.5.3."""

from __future__ import annotations

import gzip
import zlib

from antiphon.server.options import HTTPCompression
from antiphon.server.request import Headers

__all__ = ["accepted_encodings", "compress_body", "negotiate"]


def negotiate(accept_encoding: str) -> str | None:
    """Choose the encoding that the client likes best: ``gzip``, ``deflate``, or None."""
    best: tuple[float, str] | None = None
    for entry in accept_encoding.split(","):
        name, _, parameters = entry.partition(";")
        name = name.strip().lower()
        if name == "*":
            name = "gzip"
        if name not in ("gzip", "deflate"):
            continue
        quality = _quality(parameters)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, name)
    return best[1] if best else None


def accepted_encodings(accept_encoding: str) -> dict[str, float]:
    """Return the names in an ``Accept-Encoding`` header, in lower case, with their qualities; 0 refuses one."""
    entries = (entry.partition(";") for entry in accept_encoding.split(","))
    return {name.strip().lower(): _quality(parameters) for name, _, parameters in entries}


def _quality(parameters: str) -> float:
    key, _, value = parameters.partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def compress_body(body: bytes, headers: Headers, accept_encoding: str, option: HTTPCompression) -> bytes:
    """Compress a body, if the client accepts it, and say so in ``headers``."""
    encoding = negotiate(accept_encoding)
    if encoding is None:
        return body
    headers["content-encoding"] = encoding
    if encoding == "gzip":
        return gzip.compress(body, option.level, mtime=0)
    return zlib.compress(body, option.level)
