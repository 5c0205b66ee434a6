"""The options of a client, checked when they are given.

Source: JavaScript, ``client-options.md``. Names in snake_case, durations in seconds.
"""

from __future__ import annotations

import math
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, TypedDict

from antiphon.common.checks import check_known, check_number, check_seconds, enabled
from antiphon.common.deflate import PerMessageDeflate
from antiphon.errors import ConfigurationError
from antiphon.socketio.json_parser import DEFAULT_MAX_ATTACHMENTS, JSONParser
from antiphon.socketio.parser import Parser
from antiphon.types import TransportName

__all__ = ["Auth", "ClientOptions", "ManagerOptionsDict", "SocketOptions", "SocketOptionsDict", "WhenOffline"]

AuthValue: TypeAlias = Mapping[str, Any] | None
Auth: TypeAlias = AuthValue | Callable[[], "AuthValue | Awaitable[AuthValue]"]
"""What the server gets as ``socket.handshake.auth``. A function is asked at every connection; it may be async."""

WhenOffline: TypeAlias = Literal["buffer", "drop", "raise"]
"""What becomes of an event that is emitted while there is no connection: it waits, or is dropped, or
:class:`Disconnected` is raised."""

_DAY: Final = 86_400.0
_SWITCHES: Final = (
    "add_trailing_slash",
    "auto_connect",
    "fail_fast",
    "force_base64",
    "reconnection",
    "remember_upgrade",
    "timestamp_requests",
    "try_all_transports",
    "upgrade",
    "with_credentials",
)


class ManagerOptionsDict(TypedDict, total=False):
    """The options of a connection as keyword arguments; :class:`ClientOptions` says what each means."""

    path: str
    add_trailing_slash: bool
    query: Mapping[str, str] | None
    extra_headers: Mapping[str, str] | None
    cookies: Mapping[str, str] | None
    with_credentials: bool
    transports: Sequence[TransportName]
    try_all_transports: bool
    upgrade: bool
    remember_upgrade: bool
    force_base64: bool
    timestamp_requests: bool
    timestamp_param: str
    request_timeout: float | None
    protocols: Sequence[str]
    per_message_deflate: bool | PerMessageDeflate
    ssl: tls.SSLContext | bool
    proxy: str | bool
    timeout: float | None
    reconnection: bool
    reconnection_attempts: float
    reconnection_delay: float
    reconnection_delay_max: float
    randomization_factor: float
    fail_fast: bool
    auto_connect: bool
    parser: Parser | None
    max_attachments: int


class SocketOptionsDict(TypedDict, total=False):
    """The options of a socket as keyword arguments; :class:`SocketOptions` says what each means."""

    auth: Auth
    retries: float
    ack_timeout: float | None
    when_offline: WhenOffline
    send_buffer_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of a connection.

    Args:
        path: where the server is reached, without the trailing slash.
        add_trailing_slash: ask for ``path`` with a slash at its end.
        query: more parameters of the URL.
        extra_headers: headers of every request.
        cookies: cookies of every request, besides those that the server sets.
        with_credentials: keep the cookies that the server sets, and send them back; sticky load balancers need it.
        transports: those to use, in this order.
        try_all_transports: try the next one when the first cannot connect.
        upgrade: change from polling to WebSocket when the server offers it.
        remember_upgrade: begin with WebSocket if it worked for this server the last time.
        force_base64: send binary as base64 over WebSocket too.
        timestamp_requests: make the URL of every poll another one, so that nothing answers from a cache.
        timestamp_param: the parameter for it.
        request_timeout: seconds that a request of polling may take; None for any number.
        protocols: WebSocket subprotocols to offer.
        per_message_deflate: offer to compress WebSocket messages; True for the defaults.
        ssl: the TLS context, for certificate authorities and client certificates of one's own; False accepts any
            certificate, and is for tests only.
        proxy: the URL of a proxy (``http``, ``socks4``, ``socks5``); True takes what the environment says
            (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), False takes none.
        timeout: seconds that an attempt to connect may take; None for any number.
        reconnection: connect again when the connection is lost, or was not made.
        reconnection_attempts: how often to try before giving up.
        reconnection_delay: seconds before the first of these attempts; twice as many before the next, and so on.
        reconnection_delay_max: seconds that no delay is longer than.
        randomization_factor: how much a delay is changed at random: 0.5 is half of it, up or down.
        fail_fast: give up if the very first attempt fails.
        auto_connect: sockets connect when they are made.
        parser: another parser; the server must use the same.
        max_attachments: binary attachments that one received packet may have.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.
    """

    path: str = "/socket.io"
    add_trailing_slash: bool = True
    query: Mapping[str, str] | None = None
    extra_headers: Mapping[str, str] | None = None
    cookies: Mapping[str, str] | None = None
    with_credentials: bool = True
    transports: Sequence[TransportName] = ("polling", "websocket")
    try_all_transports: bool = False
    upgrade: bool = True
    remember_upgrade: bool = False
    force_base64: bool = False
    timestamp_requests: bool = True
    timestamp_param: str = "t"
    request_timeout: float | None = None
    protocols: Sequence[str] = ()
    per_message_deflate: bool | PerMessageDeflate = True
    ssl: tls.SSLContext | bool = True
    proxy: str | bool = True
    timeout: float | None = 20.0
    reconnection: bool = True
    reconnection_attempts: float = math.inf
    reconnection_delay: float = 1.0
    reconnection_delay_max: float = 5.0
    randomization_factor: float = 0.5
    fail_fast: bool = False
    auto_connect: bool = True
    parser: Parser | None = None
    max_attachments: int = DEFAULT_MAX_ATTACHMENTS

    request_path: str = field(init=False)
    """The path of every request."""
    deflate: PerMessageDeflate | None = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        path = "/" + self.path.strip("/")
        self._set("request_path", path if path == "/" or not self.add_trailing_slash else path + "/")
        self._set("transports", tuple(self.transports))
        self._set("protocols", tuple(self.protocols))
        self._set("deflate", enabled("per_message_deflate", self.per_message_deflate, PerMessageDeflate))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check(self) -> None:
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        for name in ("reconnection_delay", "reconnection_delay_max"):
            check_seconds(name, getattr(self, name), _DAY)
        for name in ("timeout", "request_timeout"):
            if getattr(self, name) is not None:
                check_seconds(name, getattr(self, name), _DAY)
        check_number("max_attachments", self.max_attachments, 0)
        check_count("reconnection_attempts", self.reconnection_attempts, 1)
        factor = self.randomization_factor
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor <= 1:
            raise ConfigurationError(f"randomization_factor must be a number from 0 to 1, not {factor!r}")
        self._check_kinds()

    def _check_kinds(self) -> None:
        if isinstance(self.transports, str) or not self.transports or set(self.transports) - {"polling", "websocket"}:
            raise ConfigurationError(
                f'transports must be a list of "polling" and "websocket", at least one, not {self.transports!r}'
            )
        if not isinstance(self.path, str) or "://" in self.path:
            raise ConfigurationError(f'path must be a path such as "/socket.io", not {self.path!r}')
        for name in ("query", "extra_headers", "cookies"):
            value = getattr(self, name)
            if value is not None and not (
                isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values())
            ):
                raise ConfigurationError(f"{name} must be a mapping of strings, not {value!r}")
        if isinstance(self.protocols, str):
            raise ConfigurationError(f"protocols must be a list of names, not {self.protocols!r}")
        if not isinstance(self.ssl, bool | tls.SSLContext):
            raise ConfigurationError(f"ssl must be an ssl.SSLContext, True or False, not {self.ssl!r}")
        if not isinstance(self.proxy, bool | str) or (isinstance(self.proxy, str) and "://" not in self.proxy):
            raise ConfigurationError(
                f'proxy must be a URL such as "http://proxy:3128", True or False, not {self.proxy!r}'
            )
        check_parser(self.parser)

    @classmethod
    def build(cls, options: ManagerOptionsDict) -> ClientOptions:
        """Make options of keyword arguments.

        Raises:
            ConfigurationError: one is unknown (the message suggests what was meant), or its value makes no sense.
        """
        check_known(options, [f.name for f in fields(cls) if f.init])
        return cls(**options)

    def make_parser(self) -> Parser:
        """Return the parser, or a new one of the default kind."""
        return self.parser if self.parser is not None else JSONParser(max_attachments=self.max_attachments)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """The options of a socket.

    Args:
        auth: what the server gets with every connection to the namespace; a function is asked each time, and may be
            async.
        retries: how often an event is sent again that was not acknowledged (``math.inf`` for ever); the events are
            then sent one after the other, each when the one before it was acknowledged.
        ack_timeout: seconds to wait for an acknowledgement; None for as long as the connection lasts.
        when_offline: what becomes of an event that is emitted while there is no connection.
        send_buffer_size: how many events may wait for the connection; one more raises :class:`BufferFull`.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.
    """

    auth: Auth = None
    retries: float = 0
    ack_timeout: float | None = None
    when_offline: WhenOffline = "buffer"
    send_buffer_size: int = 10_000

    def __post_init__(self) -> None:
        check_auth(self.auth)
        check_count("retries", self.retries, 0)
        if self.ack_timeout is not None:
            check_seconds("ack_timeout", self.ack_timeout, _DAY)
        elif self.retries:
            # Without it nothing would ever be sent again while the connection lasts.
            object.__setattr__(self, "ack_timeout", 10.0)
        if self.when_offline not in ("buffer", "drop", "raise"):
            raise ConfigurationError(f'when_offline must be "buffer", "drop" or "raise", not {self.when_offline!r}')
        check_number("send_buffer_size", self.send_buffer_size, 1)

    @classmethod
    def build(cls, options: SocketOptionsDict) -> SocketOptions:
        """Make options of keyword arguments.

        Raises:
            ConfigurationError: one is unknown (the message suggests what was meant), or its value makes no sense.
        """
        check_known(options, [f.name for f in fields(cls)])
        return cls(**options)


def check_auth(auth: object) -> None:
    """Check that something can be the ``auth`` of a socket.

    Raises:
        ConfigurationError: it cannot.
    """
    if auth is not None and not callable(auth) and not isinstance(auth, Mapping):
        raise ConfigurationError(f"auth must be a dictionary, or a function that returns one, not {auth!r}")


def check_parser(parser: object) -> None:
    """Check that something can be a parser.

    Raises:
        ConfigurationError: it cannot.
    """
    if parser is not None and (isinstance(parser, type) or not hasattr(parser, "decoder")):
        raise ConfigurationError(f"parser must be a parser such as JSONParser(), not {parser!r}")


def check_count(name: str, value: float, lowest: int) -> None:
    """Check that an option is a whole number, or infinite.

    Raises:
        ConfigurationError: it is not.
    """
    if value != math.inf:
        check_number(name, value, lowest)
