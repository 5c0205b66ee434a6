"""Where a client connects to.

Source: JavaScript, ``io(url)``: the path of the URL is the namespace; the path of the server is an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from antiphon.errors import ConfigurationError

__all__ = ["Address"]

_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, taken apart.

    Attributes:
        secure: with TLS.
        host: without a port; an IPv6 address without brackets.
        port: the one of the scheme if the URL has none.
        namespace: the path of the URL.
        query: of the URL.
    """

    secure: bool
    host: str
    port: int
    namespace: str
    query: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take a URL apart. A scheme may lack (it is ``http`` then), and may be ``ws`` or ``wss``.

        Raises:
            ConfigurationError: it is none.
        """
        if not isinstance(url, str):
            raise ConfigurationError(f'the URL of the server is a string such as "http://localhost:3000", not {url!r}')
        try:
            parts = urlsplit(url if "://" in url else f"http://{url.removeprefix('//')}")
            port = parts.port
        except ValueError as error:
            raise ConfigurationError(f"{url!r} is no URL: {error}") from None
        if "://" not in url and parts.netloc.endswith(":"):
            raise ConfigurationError(
                f'{url!r} is no URL: after a scheme come two slashes, as in "http://localhost:3000"'
            )
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not parts.hostname:
            raise ConfigurationError(f'{url!r} is not the URL of a server, such as "http://localhost:3000"')
        if parts.username or parts.password:
            raise ConfigurationError(
                "a user and a password in the URL are not sent; give auth=, or extra_headers={'Authorization': ...}"
            )
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(scheme == "https", parts.hostname, port or _PORTS[scheme], parts.path or "/", query)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as in the log."""
        scheme = "https" if self.secure else "http"
        return f"{scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        """Host and port; the port only if it is not that of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"

    def url(self, scheme: str, path: str, query: Mapping[str, str]) -> str:
        """Return the URL of a request.

        Args:
            scheme: ``http`` or ``ws``; with TLS an ``s`` is added.
            path: of the server, with its last slash.
            query: the parameters.
        """
        secure = "s" if self.secure else ""
        return f"{scheme}{secure}://{self.netloc}{path}?{urlencode(query, quote_via=quote)}"
