"""The options of a server, checked when they are given.

Source: JavaScript, ``server-options.md``. Names in snake_case, durations in seconds, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from antiphon.common.checks import check_known, check_number, check_seconds, enabled
from antiphon.common.deflate import PerMessageDeflate
from antiphon.common.signatures import check_function
from antiphon.errors import ConfigurationError
from antiphon.server.cookie import Cookie, CookieOption, build_cookie
from antiphon.server.cors import CorsOption, CorsPolicy
from antiphon.server.request import Request
from antiphon.socketio.json_parser import DEFAULT_MAX_ATTACHMENTS, JSONParser
from antiphon.socketio.parser import Parser
from antiphon.types import TransportName

if TYPE_CHECKING:
    from antiphon.server.adapter import AdapterFactory

__all__ = [
    "AllowRequest",
    "ConnectionStateRecovery",
    "GenerateId",
    "HTTPCompression",
    "Options",
    "OptionsDict",
]

AllowRequest: TypeAlias = Callable[[Request], "bool | Awaitable[bool]"]
"""Decides whether a request may open a session; raise ConnectionRefused to give a reason."""

GenerateId: TypeAlias = Callable[[Request], "str | Awaitable[str]"]
"""Makes the identifier of a session. It must be unpredictable: who knows it can take the session over."""

_SWITCHES = ("add_trailing_slash", "serve_client", "allow_upgrades", "allow_eio3", "cleanup_empty_child_namespaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPCompression:
    """How poll responses are compressed, with gzip or deflate, as the client accepts it.

    Args:
        threshold: smaller responses (in bytes) are sent as they are.
        level: 1 (fast) to 9 (small).
    """

    threshold: int = 1024
    level: int = 6

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, 0)
        check_number("level", self.level, 1, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStateRecovery:
    """How clients that were cut off come back to their session.

    What each namespace keeps for them is bounded: ``max_buffer_size`` bytes of packets and ``max_sessions`` sessions.
    When there is more, the oldest goes, and whoever would have needed it is told that it was not recovered.

    Each event that is kept carries its offset behind its arguments, as a string. Clients that do not know of recovery
    see it as one more argument.

    Args:
        max_disconnection_duration: seconds that a client may be away.
        skip_middlewares: a client that is recovered does not pass the middlewares of the namespace again.
        max_buffer_size: bytes that the packets kept for those who miss them may have, in each namespace.
        max_sessions: sessions that are kept, in each namespace.
    """

    max_disconnection_duration: float = 120.0
    skip_middlewares: bool = True
    max_buffer_size: int = 16_000_000
    max_sessions: int = 100_000

    def __post_init__(self) -> None:
        check_seconds("max_disconnection_duration", self.max_disconnection_duration, 86_400)
        check_number("max_buffer_size", self.max_buffer_size, 1)
        check_number("max_sessions", self.max_sessions, 1)
        if not isinstance(self.skip_middlewares, bool):
            raise ConfigurationError(f"skip_middlewares must be True or False, not {self.skip_middlewares!r}")


class OptionsDict(TypedDict, total=False):
    """The options as keyword arguments; :class:`Options` says what each means."""

    path: str
    add_trailing_slash: bool
    serve_client: bool
    transports: Sequence[TransportName]
    allow_upgrades: bool
    allow_eio3: bool
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    connect_timeout: float
    ack_timeout: float
    max_http_buffer_size: int
    max_send_buffer_size: int
    max_attachments: int
    http_compression: bool | HTTPCompression
    per_message_deflate: bool | PerMessageDeflate
    cookie: CookieOption
    cors: CorsOption
    allow_request: AllowRequest | None
    generate_id: GenerateId | None
    initial_packet: str | bytes | None
    parser: Parser | None
    adapter: AdapterFactory | None
    connection_state_recovery: bool | ConnectionStateRecovery
    cleanup_empty_child_namespaces: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a server.

    Args:
        path: where it is reached, without the trailing slash.
        add_trailing_slash: clients ask for ``path`` with a slash at its end.
        serve_client: give the browser client to pages, as ``socket.io.js`` below ``path``, and in other forms.
        transports: the enabled ones.
        allow_upgrades: tell polling clients that they may upgrade to WebSocket.
        allow_eio3: serve Socket.IO 2 clients too.
        ping_interval: seconds from one heartbeat to the next.
        ping_timeout: seconds that a client has to answer a ping.
        upgrade_timeout: seconds that a client has to finish an upgrade.
        connect_timeout: seconds that a client has to join a namespace.
        ack_timeout: seconds that a broadcast waits for acknowledgements, if ``timeout()`` does not say otherwise.
        max_http_buffer_size: bytes that one message (WebSocket) or one request body (polling) may have.
        max_send_buffer_size: bytes that may wait for a client that does not read; beyond it the client is dropped.
        max_attachments: binary attachments that one received packet may have.
        http_compression: compress poll responses; True for the defaults.
        per_message_deflate: compress WebSocket messages; True for the defaults.
        cookie: send the session id in a cookie too, for sticky load balancers; True for one named ``io``.
        cors: which pages of other origins may connect.
        allow_request: decides about each request that opens a session.
        generate_id: makes session identifiers.
        initial_packet: a message that is sent along with the handshake.
        parser: another parser; clients must use the same.
        adapter: makes the adapter of each namespace; a subclass of :class:`Adapter`.
        connection_state_recovery: let clients that were cut off come back to their session; True for the defaults.
        cleanup_empty_child_namespaces: drop a namespace that a pattern has made once nobody is in it.

    Raises:
        ConfigurationError: an option is unknown, or its value makes no sense.
    """

    path: str = "/socket.io"
    add_trailing_slash: bool = True
    serve_client: bool = True
    transports: Sequence[TransportName] = ("polling", "websocket")
    allow_upgrades: bool = True
    allow_eio3: bool = False
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    connect_timeout: float = 45.0
    ack_timeout: float = 10.0
    max_http_buffer_size: int = 1_000_000
    max_send_buffer_size: int = 16_000_000
    max_attachments: int = DEFAULT_MAX_ATTACHMENTS
    http_compression: bool | HTTPCompression = True
    per_message_deflate: bool | PerMessageDeflate = False
    cookie: CookieOption = None
    cors: CorsOption = None
    allow_request: AllowRequest | None = None
    generate_id: GenerateId | None = None
    initial_packet: str | bytes | None = None
    parser: Parser | None = None
    adapter: AdapterFactory | None = None
    connection_state_recovery: bool | ConnectionStateRecovery = False
    cleanup_empty_child_namespaces: bool = False

    prefix: str = field(init=False)
    """What a request path starts with."""
    cors_policy: CorsPolicy = field(init=False)
    session_cookie: Cookie | None = field(init=False)
    compression: HTTPCompression | None = field(init=False)
    deflate: PerMessageDeflate | None = field(init=False)
    recovery: ConnectionStateRecovery | None = field(init=False)
    wire_parser: Parser = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        prefix = "/" + self.path.strip("/")
        self._set("prefix", prefix if prefix == "/" or not self.add_trailing_slash else prefix + "/")
        self._set("transports", tuple(self.transports))
        self._set("cors_policy", CorsPolicy.build(self.cors))
        self._set("session_cookie", build_cookie(self.cookie))
        self._set("compression", enabled("http_compression", self.http_compression, HTTPCompression))
        self._set("deflate", enabled("per_message_deflate", self.per_message_deflate, PerMessageDeflate))
        self._set(
            "recovery", enabled("connection_state_recovery", self.connection_state_recovery, ConnectionStateRecovery)
        )
        self._set("wire_parser", self.parser or JSONParser(max_attachments=self.max_attachments))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check(self) -> None:
        for name in ("ping_interval", "ping_timeout", "upgrade_timeout", "connect_timeout", "ack_timeout"):
            check_seconds(name, getattr(self, name), 3600)
        for name in ("max_http_buffer_size", "max_send_buffer_size"):
            check_number(name, getattr(self, name), 1)
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        self._check_kinds()

    def _check_kinds(self) -> None:
        if isinstance(self.transports, str) or not self.transports or set(self.transports) - {"polling", "websocket"}:
            raise ConfigurationError(
                f'transports must be a list of "polling" and "websocket", at least one, not {self.transports!r}'
            )
        if not isinstance(self.path, str) or "://" in self.path:
            raise ConfigurationError(f'path must be a path such as "/socket.io", not {self.path!r}')
        if self.initial_packet is not None and not isinstance(self.initial_packet, str | bytes):
            raise ConfigurationError(f"initial_packet must be a string or bytes, not {self.initial_packet!r}")
        parser = self.parser
        if parser is not None and (isinstance(parser, type) or not hasattr(parser, "decoder")):
            raise ConfigurationError(f"parser must be a parser such as JSONParser(), not {parser!r}")
        if self.adapter is not None and not callable(self.adapter):
            raise ConfigurationError(f"adapter must be a subclass of Adapter, or a function, not {self.adapter!r}")
        for name in ("allow_request", "generate_id"):
            if getattr(self, name) is not None:
                check_function(getattr(self, name), name, "the request")

    @classmethod
    def build(cls, options: OptionsDict) -> Options:
        """Make options of keyword arguments.

        Raises:
            ConfigurationError: one is unknown (the message suggests what was meant), or its value makes no sense.
        """
        check_known(options, [f.name for f in fields(cls) if f.init])
        return cls(**options)
