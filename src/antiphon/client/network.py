"""How the requests of a client are made: TLS, proxy, cookies, headers. One for each manager."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl as tls
from collections.abc import Awaitable, Callable, Sequence
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohappyeyeballs import AddrInfoType, addr_to_addr_infos, start_connection

from antiphon.client.address import Address
from antiphon.client.explanation import explain
from antiphon.client.options import ClientOptions
from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Network"]

_KEEPALIVE: Final = 3.0
"""Seconds that a connection is kept for the next request: less than servers do, which is five."""
_NEXT_ADDRESS: Final = 0.25
"""Seconds until the next address of a host is tried, too. Source: RFC 8305, section 5."""
_PROXIES: Final = ("http", "socks4", "socks5", "socks5h")
_websocket_worked: Final[set[str]] = set()
"""The origins. JavaScript: ``priorWebsocketSuccess``, which is one for all servers."""
_RESERVED: Final = frozenset({"EIO", "transport", "sid", "j", "b64"})


class Network:
    """Makes requests to one server.

    Args:
        address: where the server is.
        options: of the client.

    Attributes:
        query: the parameters of every request; may be changed between connections.
        headers: the headers of every request; may be changed between connections.

    Raises:
        ConfigurationError: the proxy cannot be used.
    """

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self.address: Address = address
        self.options: ClientOptions = options
        self.query: dict[str, str] = {**address.query, **(options.query or {})}
        for name in _RESERVED & self.query.keys():
            raise ConfigurationError(f"the query parameter {name} belongs to the protocol; take another name")
        self.headers: dict[str, str] = dict(options.extra_headers or {})
        self._session: aiohttp.ClientSession | None = None
        self._jar: aiohttp.CookieJar | None = None
        self._check_proxy(self.proxy)

    @property
    def websocket_worked(self) -> bool:
        """Whether the last connection to this server was one of WebSocket, for ``remember_upgrade``."""
        return self.address.origin in _websocket_worked

    @websocket_worked.setter
    def websocket_worked(self, worked: bool) -> None:
        (_websocket_worked.add if worked else _websocket_worked.discard)(self.address.origin)

    # TLS

    @property
    def ssl(self) -> tls.SSLContext | None:
        """The TLS context; None without TLS."""
        if not self.address.secure:
            return None
        given = self.options.ssl
        if isinstance(given, tls.SSLContext):
            return given
        context = tls.create_default_context()
        if not given:
            context.check_hostname = False
            context.verify_mode = tls.CERT_NONE
        return context

    # The proxy

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy; None if there is none."""
        given = self.options.proxy
        if isinstance(given, str):
            return given
        if not given or proxy_bypass(self.address.host):
            return None
        proxies = getproxies()
        found = proxies.get("https" if self.address.secure else "http") or proxies.get("all")
        if found and "://" not in found:
            found = f"http://{found}"
        return found

    @staticmethod
    def _check_proxy(proxy: str | None) -> None:
        if proxy is not None and urlsplit(proxy).scheme not in _PROXIES:
            raise ConfigurationError(f"the proxy {proxy!r} is none of {', '.join(_PROXIES)}")

    # HTTP

    def url(self, scheme: str, query: dict[str, str]) -> str:
        """Return the URL of a request."""
        return self.address.url(scheme, self.options.request_path, query)

    async def request(self, method: str, query: dict[str, str], body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request, and return the status and the body of the response.

        Args:
            method: ``GET`` or ``POST``.
            query: the parameters of the URL.
            body: what is sent.

        Raises:
            OSError: there was no response; ``explain`` says why.
        """
        # It takes half a second to import, and servers do without it.
        import aiohttp  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        headers = {**self.headers, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        url = URL(self.url("http", query), encoded=True)
        try:
            async with self._open_session().request(method, url, data=body, headers=headers) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, ValueError) as error:
            raise ConnectionError(explain(error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("python_socks", "aiohttp_socks"):
                raise ConnectionError(f"the proxy failed: {error}") from error
            raise
        finally:
            self._forget_cookies()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            import aiohttp  # noqa: PLC0415

            proxy = self.proxy
            connector: aiohttp.BaseConnector
            if proxy is not None and not proxy.startswith("http://"):
                from aiohttp_socks import ProxyConnector  # noqa: PLC0415

                connector = ProxyConnector.from_url(
                    proxy.replace("socks5h", "socks5"), rdns=True, ssl=self.ssl, keepalive_timeout=_KEEPALIVE
                )
            else:
                connector = aiohttp.TCPConnector(ssl=self.ssl or True, limit=0, keepalive_timeout=_KEEPALIVE)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=self._cookie_jar(),
                timeout=aiohttp.ClientTimeout(total=self.options.request_timeout, sock_connect=None),
                proxy=proxy if proxy is not None and proxy.startswith("http://") else None,
                # The whole answer is needed before any of it can be used, and it may be large.
                read_bufsize=2**18,
            )
            # It would send a poll again by itself when a connection breaks that was kept. But the server may have
            # answered the first one, and then takes the second for the next: packets would be lost, and nobody told.
            # There is no public switch.
            self._session._retry_connection = False  # noqa: SLF001
        return self._session

    def _cookie_jar(self) -> aiohttp.CookieJar | None:
        if self._jar is None:
            import aiohttp  # noqa: PLC0415
            from yarl import URL  # noqa: PLC0415

            # unsafe: cookies of IP addresses too.
            self._jar = aiohttp.CookieJar(unsafe=True)
            if self.options.cookies:
                self._jar.update_cookies(self.options.cookies, URL(self.address.origin))
        return self._jar

    def _forget_cookies(self) -> None:
        """Drop what the server has set, unless it is to be kept."""
        if not self.options.with_credentials:
            self._jar = None
            if self._session is not None:
                self._session.cookie_jar.clear()
                if self.options.cookies:
                    from yarl import URL  # noqa: PLC0415

                    self._session.cookie_jar.update_cookies(self.options.cookies, URL(self.address.origin))

    # WebSocket

    def websocket_headers(self) -> dict[str, str]:
        """Return the headers of a WebSocket handshake, cookies included."""
        headers = dict(self.headers)
        cookies = self._cookies()
        for name in [name for name in headers if name.lower() == "cookie"]:
            # As aiohttp does for the requests of polling: both are sent, and what the server has set comes first.
            given = (text.strip().partition("=") for text in headers.pop(name).split(";"))
            cookies = {**{name: value for name, _, value in given if name}, **cookies}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if self.options.protocols:
            headers["Sec-WebSocket-Protocol"] = ", ".join(self.options.protocols)
        return headers

    def _cookies(self) -> dict[str, str]:
        if self._jar is None:
            return dict(self.options.cookies or {})
        from yarl import URL  # noqa: PLC0415

        cookies = self._jar.filter_cookies(URL(self.url("http", {})))
        return {name: morsel.coded_value for name, morsel in cookies.items()}

    def keep_cookies(self, headers: list[str]) -> None:
        """Keep what a WebSocket handshake has set.

        Args:
            headers: the values of ``Set-Cookie``.
        """
        if not headers or not self.options.with_credentials:
            return
        from yarl import URL  # noqa: PLC0415

        jar = self._cookie_jar()
        if jar is None:
            return
        for header in headers:
            jar.update_cookies(SimpleCookie(header), URL(self.url("http", {})))

    async def connect(self) -> socket.socket:
        """Return a socket that is connected to the server, through a proxy if there is one; none is left if cancelled.

        Raises:
            OSError: the server, or the proxy, cannot be reached.
            ProxyError: the proxy refuses.
        """
        proxy = self.proxy
        if proxy is not None:
            return await self._connect_through(proxy)
        addresses = await _resolve(self.address.host, self.address.port)
        return await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS)

    async def _connect_through(self, proxy: str) -> socket.socket:
        from python_socks.async_.asyncio import Proxy  # noqa: PLC0415

        parts = urlsplit(proxy)
        tunnel = Proxy.create(
            _proxy_type(parts.scheme),
            parts.hostname or "",
            parts.port or (1080 if parts.scheme.startswith("socks") else 80),
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            rdns=parts.scheme != "socks4" or None,
        )
        connected: socket.socket = await tunnel.connect(dest_host=self.address.host, dest_port=self.address.port)
        return connected

    def renew(self) -> Callable[[], Awaitable[None]]:
        """Make new connections for later requests: those that are kept may be dead.

        Returns:
            What closes the old ones, when they are not needed any more.
        """
        session, self._session = self._session, None

        async def close() -> None:
            if session is not None:
                await session.close()
                # The transports end in the next turns of the loop. Source: aiohttp, "Graceful Shutdown".
                await asyncio.sleep(0)

        return close

    async def close(self) -> None:
        """Close the connections that are kept for later requests."""
        await self.renew()()


def _proxy_type(scheme: str) -> object:
    from python_socks import ProxyType  # noqa: PLC0415

    return {"http": ProxyType.HTTP, "socks4": ProxyType.SOCKS4}.get(scheme, ProxyType.SOCKS5)


async def _resolve(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a host; only a name needs the thread that asks for them."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return cast("Sequence[AddrInfoType]", found)
    return addr_to_addr_infos((host, port)) or ()
