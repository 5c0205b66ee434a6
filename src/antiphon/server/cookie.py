"""The session cookie, for load balancers that stick clients to a server by it.

Source: JavaScript, option ``cookie``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from antiphon.errors import ConfigurationError

__all__ = ["Cookie", "CookieOption", "build_cookie"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The attributes of the session cookie. Source: RFC 6265, section 4.1.

    Args:
        name: its name.
        path: None leaves the attribute out.
        domain: None leaves the attribute out.
        max_age: seconds; None makes it end with the browser.
        http_only: hide it from scripts.
        secure: send it over TLS only.
        same_site: None leaves the attribute out.

    Raises:
        ConfigurationError: a value cannot stand in a cookie.
    """

    name: str = "io"
    path: str | None = "/"
    domain: str | None = None
    max_age: int | None = None
    http_only: bool = True
    secure: bool = False
    same_site: Literal["strict", "lax", "none"] | None = "lax"

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.name):
            raise ConfigurationError(f"{self.name!r} cannot be the name of a cookie")
        for value in (self.path, self.domain):
            if value is not None and not _ATTRIBUTE.fullmatch(value):
                raise ConfigurationError(f"{value!r} cannot stand in a cookie")
        if self.max_age is not None and not isinstance(self.max_age, int):
            raise ConfigurationError(f"max_age is a number of seconds, not {self.max_age!r}")
        if self.same_site not in ("strict", "lax", "none", None):
            raise ConfigurationError(f'same_site must be "strict", "lax", "none" or None, not {self.same_site!r}')

    def header(self, value: str) -> str:
        """Build the value of the ``Set-Cookie`` header."""
        parts = [f"{self.name}={value}"]
        if self.max_age is not None:
            parts.append(f"Max-Age={self.max_age}")
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.path is not None:
            parts.append(f"Path={self.path}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site is not None:
            parts.append(f"SameSite={self.same_site.capitalize()}")
        return "; ".join(parts)


CookieOption: TypeAlias = bool | str | Cookie | None
"""True for the default cookie, a name, or all attributes."""


def build_cookie(option: CookieOption) -> Cookie | None:
    """Turn the option into a cookie, or None if it is off.

    Raises:
        ConfigurationError: it is none of the forms.
    """
    if option is None or option is False:
        return None
    if option is True:
        return Cookie()
    if isinstance(option, str):
        return Cookie(name=option)
    if isinstance(option, Cookie):
        return option
    raise ConfigurationError(f"cookie must be True, a name, or Cookie(...), not {option!r}")
