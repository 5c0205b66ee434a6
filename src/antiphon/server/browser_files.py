"""The browser client, as files that a server gives to pages.

Source: JavaScript, option ``serveClient``; RFC 9110, sections 8.8.3 (``ETag``), 12.5.3 (``Accept-Encoding``) and 13.1.2
(``If-None-Match``).
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from antiphon.server.compression import accepted_encodings
from antiphon.server.options import Options
from antiphon.server.request import Request, Response

__all__ = ["BrowserFiles"]

_BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
_NAMES = (*_BUNDLES, *(f"{bundle}.map" for bundle in _BUNDLES))

_SUFFIXES = {"br": ".br", "gzip": ".gz", None: ""}
"""How the file of an encoding is called, behind its name; the encodings in the order in which we like them."""


class BrowserFiles:
    """The files of the browser client, below the path of a server.

    Any page may load them, whatever its origin, as it may load any script; whether it may connect is another question.

    Args:
        options: of the server.
    """

    __slots__ = ("_cors", "_names")

    def __init__(self, options: Options) -> None:
        self._cors = options.cors_policy
        # A prefix without a slash at its end leaves that in front of the name.
        lead = "" if options.prefix.endswith("/") else "/"
        self._names = {lead + name: name for name in _NAMES} if options.serve_client else {}

    def find(self, rest: str) -> str | None:
        """Return the name of the file that a request is for, None if it is for none.

        Args:
            rest: what stands in the path behind the prefix of the server.
        """
        return self._names.get(rest)

    def answer(self, name: str, request: Request) -> Response:
        """Answer a request for a file; as by the official server, every method gets it.

        Args:
            name: of the file, from :meth:`find`.
            request: the request.
        """
        preflight = self._cors.preflight(request)
        if preflight is not None:
            return preflight
        encoding = _choose_encoding(request.header(b"accept-encoding") or "")
        body, etag = _read(name, encoding)
        headers = self._cors.headers(request.header(b"origin"))
        vary = headers.get("vary")
        headers["vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        headers["cache-control"] = "public, max-age=0"
        headers["etag"] = etag
        if _has(request.header(b"if-none-match") or "", etag):
            return Response(304, headers=headers)
        kind = "json" if name.endswith(".map") else "javascript"
        headers["content-type"] = f"application/{kind}; charset=utf-8"
        if encoding is not None:
            headers["content-encoding"] = encoding
        return Response(200, body, headers)


@cache
def _read(name: str, encoding: str | None) -> tuple[bytes, str]:
    """Read a file; return its bytes and their ``ETag``. It is kept: there are few, and they are small."""
    body = files("antiphon.browser").joinpath(name + _SUFFIXES[encoding]).read_bytes()
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _choose_encoding(accept_encoding: str) -> str | None:
    """Choose what the client likes best, of several the smallest; None stands for no encoding.

    A client that accepts nothing that we have gets the file as it is.
    """
    accepted = accepted_encodings(accept_encoding)
    others = accepted.get("*", 0.0)
    qualities = {encoding: accepted.get(encoding, others) for encoding in _SUFFIXES if encoding is not None}
    best = max(qualities, key=qualities.__getitem__)
    # Who does not name "identity" likes it least.
    return best if qualities[best] > 0 and qualities[best] >= accepted.get("identity", 0.0) else None


_OPAQUE_TAG = re.compile(r'"[^"]*"')


def _has(if_none_match: str, etag: str) -> bool:
    """Say whether the client has what it asks for. Weak tags are as good as strong ones here."""
    return if_none_match.strip() == "*" or etag in _OPAQUE_TAG.findall(if_none_match)
