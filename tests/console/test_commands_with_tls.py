"""The commands of a client, with TLS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from antiphon import Server
from console_guests import Run
from support import Certificate, serving


@pytest.fixture(scope="module")
def url(certificate: Certificate) -> Iterator[str]:
    io = Server()

    @io.event
    def double(_socket: object, number: int) -> int:
        return 2 * number

    with serving(io, "fast", certificate) as running:
        yield running.url


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_authorities_of_ones_own_are_trusted(run: Run, url: str, certificate: Certificate, transport: str) -> None:
    done = run("emit", url, "double", "21", "--ack", "--cacert", certificate.ca, "--transport", transport)
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_any_certificate_is_taken_if_it_should(run: Run, url: str) -> None:
    assert run("emit", url, "double", "21", "--ack", "--insecure").stdout == "42\n"
    done = run("connect", url, "--insecure", input="double 21 ?")
    assert done.returncode == 0
    assert "double answered" in done.stdout
    done = run("bench", url, "--insecure", "--event", "double", "--duration", "0.3", "--clients", "2")
    assert done.returncode == 0


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_certificate_of_a_stranger_is_refused(run: Run, url: str, transport: str) -> None:
    done = run("emit", url, "double", "21", "--ack", "--transport", transport)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"antiphon: cannot connect to {url} by {transport}: the certificate of the server is "
    )
    assert done.stderr.count("\n") == 1
