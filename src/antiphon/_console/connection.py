"""How to connect, from the options of the command line."""

from __future__ import annotations

import ssl as tls
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, cast

from antiphon._console.input import FileArgument, InputError, parse_json
from antiphon.client.address import Address
from antiphon.client.connecting import namespace_of
from antiphon.client.manager import Manager
from antiphon.client.options import ManagerOptionsDict
from antiphon.client.socket import ClientSocket

__all__ = ["Connection", "read_arguments"]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to connect.

    Attributes:
        url: as it was given.
        address: where the server is.
        namespace: which part of it.
        auth: what it is told.
        options: of the manager.
    """

    url: str
    address: Address
    namespace: str
    auth: dict[str, Any] | None
    options: ManagerOptionsDict

    @classmethod
    def build(
        cls,
        url: str,
        *,
        namespace: str | None = None,
        auth: str | None = None,
        transports: list[str] | None = None,
        path: str | None = None,
        headers: list[str] | None = None,
        query: list[str] | None = None,
        insecure: bool = False,
        cacert: Path | None = None,
    ) -> Connection:
        """Make it of what was typed.

        Raises:
            InputError: something cannot be read; the message names the option.
            ConfigurationError: something makes no sense.
        """
        address = Address.parse(url)
        options: dict[str, Any] = {}
        if transports:
            if unknown := set(transports) - {"polling", "websocket"}:
                raise InputError(f"--transport is polling or websocket, not {unknown.pop()}")
            options["transports"] = list(dict.fromkeys(transports))
        if path is not None:
            options["path"] = path
        if headers:
            options["extra_headers"] = dict(_pair("--header", header, ":", "Name: value") for header in headers)
        if query:
            options["query"] = dict(_pair("--query", parameter, "=", "name=value") for parameter in query)
        if address.secure:
            # One for all connections: to load the authorities takes longer than to connect.
            options["ssl"] = _tls(cacert, insecure=insecure)
        given = namespace if namespace is None or namespace.startswith("/") else f"/{namespace}"
        connection = cls(url, address, namespace_of(address, given), _auth(auth), cast("ManagerOptionsDict", options))
        # What makes no sense is told now.
        connection.manager()
        return connection

    @property
    def name(self) -> str:
        """The server and the namespace, as in a URL."""
        return self.address.origin + ("" if self.namespace == "/" else self.namespace)

    def manager(self, **more: Unpack[ManagerOptionsDict]) -> Manager:
        """Make a manager, which does not connect yet."""
        options: dict[str, Any] = {**self.options, **more}
        return Manager(self.url, **options)

    def socket(self, manager: Manager) -> ClientSocket:
        """Return the socket of the namespace, which connects."""
        return manager.socket(self.namespace, auth=self.auth)


def _pair(option: str, text: str, separator: str, example: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise InputError(f'{option} takes "{example}", not {text!r}')
    return name.strip(), value.strip() if separator == ":" else value


def _auth(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    example = """it takes a JSON object, such as '{"token": "abc"}'"""
    try:
        auth = parse_json(text)
    except InputError as error:
        raise InputError(f"--auth: {error}; {example}") from None
    if not isinstance(auth, dict):
        raise InputError(f"--auth: {text} is no object; {example}")
    return auth


def _tls(cacert: Path | None, *, insecure: bool) -> tls.SSLContext:
    try:
        context = tls.create_default_context(cafile=cacert)
    except OSError as error:
        why = "it holds no certificate in PEM form" if isinstance(error, tls.SSLError) else error.strerror
        raise InputError(f"--cacert: {cacert} cannot be used: {why}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = tls.CERT_NONE
    return context


def read_arguments(values: tuple[object, ...]) -> list[object]:
    """Return arguments with the files that they name.

    Raises:
        InputError: a file cannot be read.
    """
    return [_read(value.path) if isinstance(value, FileArgument) else value for value in values]


def _read(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InputError(
            f"the file {path} cannot be read: {error.strerror}; text that begins with @ goes in double quotes: "
            f'"@{path}"'
        ) from None
