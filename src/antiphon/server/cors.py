"""Which pages may connect, and the headers that tell browsers so.

The official server answers foreign pages over WebSocket whatever ``cors`` says, and leaves HTTP to the browser. Here a
page of another origin is refused on both transports, unless ``cors`` allows it.

Source: JavaScript, option ``cors`` (the npm package of that name); Fetch standard, "CORS protocol".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from antiphon.common.signatures import check_plain
from antiphon.common.tasks import FAILURES
from antiphon.errors import ConfigurationError
from antiphon.server.request import Headers, Request, Response

__all__ = ["Cors", "CorsOption", "CorsPolicy", "OriginOption"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

OriginOption: TypeAlias = "str | re.Pattern[str] | Sequence[str | re.Pattern[str]] | Callable[[str], bool]"
"""``"*"``, an origin, a pattern, several of them, or a function of the origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """All that can be said about pages of other origins.

    Args:
        origin: which origins may connect.
        methods: what a preflight request is told.
        allowed_headers: what a preflight request is told; None allows what it asks for.
        exposed_headers: response headers that the page may read.
        credentials: let the browser send cookies; ``origin`` must then not be ``"*"``.
        max_age: seconds that a browser may keep the answer to a preflight request.
    """

    origin: OriginOption = "*"
    methods: Sequence[str] = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
    allowed_headers: Sequence[str] | None = None
    exposed_headers: Sequence[str] = ()
    credentials: bool = False
    max_age: int | None = None


CorsOption: TypeAlias = "OriginOption | Cors | None"
"""None allows pages of the same origin only."""


class CorsPolicy:
    """The option, checked and ready to be asked."""

    __slots__ = ("_any", "_cors", "_fixed")

    def __init__(self, cors: Cors | None) -> None:
        self._cors = cors
        self._any = cors is not None and cors.origin == "*"
        self._fixed = cors.origin if cors is not None and isinstance(cors.origin, str) and not self._any else None

    @classmethod
    def build(cls, option: CorsOption) -> CorsPolicy:
        """Make a policy of the option.

        Raises:
            ConfigurationError: it is none of the forms, or contradicts itself.
        """
        if option is None:
            return cls(None)
        if isinstance(option, Mapping):
            raise ConfigurationError(f"cors takes Cors(origin=...) or origins, not a dictionary: {option!r}")
        cors = option if isinstance(option, Cors) else Cors(origin=option)
        _check_origin(cors.origin)
        for name in ("methods", "allowed_headers", "exposed_headers"):
            if isinstance(getattr(cors, name), str):
                raise ConfigurationError(f"{name} is a list of names, not {getattr(cors, name)!r}")
        if cors.credentials and cors.origin == "*":
            raise ConfigurationError('with credentials a browser does not accept origin "*"; name the origins')
        return cls(cors)

    def allows(self, origin: str, host: str | None) -> bool:
        """Say whether a page of ``origin`` may connect to this ``host``."""
        if self._any or _same_origin(origin, host):
            return True
        return self._cors is not None and _matches(self._cors.origin, origin)

    @property
    def allows_all(self) -> bool:
        """Whether every page may connect."""
        return self._any

    def headers(self, origin: str | None) -> Headers:
        """Build the headers of a response to a request from ``origin``."""
        cors = self._cors
        if cors is None:
            return {}
        headers: Headers = {}
        if self._any:
            headers["access-control-allow-origin"] = "*"
        elif self._fixed is not None:
            headers["access-control-allow-origin"] = self._fixed
            headers["vary"] = "Origin"
        else:
            if origin is not None and _matches(cors.origin, origin):
                headers["access-control-allow-origin"] = origin
            headers["vary"] = "Origin"
        if cors.credentials:
            headers["access-control-allow-credentials"] = "true"
        if cors.exposed_headers:
            headers["access-control-expose-headers"] = ",".join(cors.exposed_headers)
        return headers

    def preflight(self, request: Request) -> Response | None:
        """Answer an OPTIONS request, or None if this is none or ``cors`` is off."""
        cors = self._cors
        if cors is None or request.method != "OPTIONS":
            return None
        asked = request.headers
        headers = self.headers(asked.get("origin"))
        headers["access-control-allow-methods"] = ",".join(cors.methods)
        if cors.allowed_headers is not None:
            headers["access-control-allow-headers"] = ",".join(cors.allowed_headers)
        else:
            if "access-control-request-headers" in asked:
                headers["access-control-allow-headers"] = asked["access-control-request-headers"]
            vary = headers.get("vary")
            headers["vary"] = f"{vary}, Access-Control-Request-Headers" if vary else "Access-Control-Request-Headers"
        if cors.max_age is not None:
            headers["access-control-max-age"] = str(cors.max_age)
        return Response(204, headers=headers)


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/*?#@A-Z\s]+(?<!:80)(?<!:443)|null")


def _check_origin(origin: OriginOption) -> None:
    entries: Iterable[object] = origin if isinstance(origin, Iterable) and not isinstance(origin, str) else (origin,)
    for entry in entries:
        if isinstance(entry, str):
            if entry == "*" and origin != "*":
                raise ConfigurationError('"*" stands for all origins and goes alone: cors="*"')
            if entry != "*" and not _ORIGIN.fullmatch(entry):
                raise ConfigurationError(
                    "an origin is a scheme, a host in lower case, and a port if it is not the usual one, such as "
                    f'"https://example.com"; for many use a pattern: re.compile(...); got {entry!r}'
                )
        elif callable(entry):
            check_plain(entry, "what allows origins")
        elif not isinstance(entry, re.Pattern):
            raise ConfigurationError(f"cors expects origins, patterns or a function, not {entry!r}")


def _matches(allowed: OriginOption, origin: str) -> bool:
    if isinstance(allowed, str):
        return allowed in ("*", origin)
    if isinstance(allowed, re.Pattern):
        return allowed.search(origin) is not None
    if callable(allowed):
        try:
            return allowed(origin) is True
        except FAILURES:
            logger.exception("the function that allows origins failed; %s is not allowed", origin)
            return False
    return any(_matches(entry, origin) for entry in allowed)


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _same_origin(origin: str, host: str | None) -> bool:
    """Compare host and port only: behind a proxy that ends TLS the scheme of the page is not ours."""
    if not host:
        return False
    try:
        page = urlsplit(origin)
        server = urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(page.scheme)
        return (page.hostname, page.port or default) == (server.hostname, server.port or default)
    except ValueError:
        return False
