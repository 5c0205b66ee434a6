"""Which pages may connect, and what browsers are told."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from antiphon import Cors, Server
from peers import Answer, Endpoint, receive
from server_helpers import ONE_WAY, Serve

HOME, FOREIGN = "https://home.example", "https://foreign.example"


def cors_headers(answer: Answer) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-") or name.lower() == "vary"
    }


async def may_connect(server: Endpoint, origin: str) -> bool:
    """Say whether a page may connect. Both transports must agree."""
    answer = await server.request(headers={"origin": origin})
    message = f'pages of {origin} may not connect; to allow them, give the server cors="{origin}"'
    refusal = None
    try:
        async with server.websocket({"origin": origin}) as websocket:
            await receive(websocket)
    except InvalidStatus as error:
        refusal = error.response
    if refusal is None:
        assert answer.status == 200
        return True
    assert (answer.status, answer.json) == (403, {"code": 4, "message": message})
    assert (refusal.status_code, refusal.body) == (400, message.encode())
    return False


async def test_a_page_of_another_origin_may_not_connect(server: Endpoint) -> None:
    assert not await may_connect(server, FOREIGN)


async def test_a_page_of_the_same_origin_may_connect(server: Endpoint) -> None:
    assert await may_connect(server, server.url.removesuffix("/socket.io/"))


async def test_an_origin_with_another_port_is_another_one(server: Endpoint) -> None:
    assert not await may_connect(server, "http://127.0.0.1:1")


@pytest.mark.parametrize("origin", ["null", "x", "http://[", "http://127.0.0.1:99999"])
async def test_an_odd_origin_is_a_foreign_one(server: Endpoint, origin: str) -> None:
    assert not await may_connect(server, origin)


async def test_without_the_option_there_are_no_headers(server: Endpoint) -> None:
    answer = await server.request(headers={"origin": server.url.removesuffix("/socket.io/")})
    assert answer.status == 200
    assert cors_headers(answer) == {}


async def test_the_log_says_how_to_allow_a_page(server: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "antiphon")
    await server.request(headers={"origin": FOREIGN})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f'cors="{FOREIGN}"' in record.getMessage()


async def test_a_session_cannot_be_taken_over_by_a_foreign_page(server: Endpoint) -> None:
    peer = await server.open_polling()
    assert (await peer.post("40", headers={"origin": FOREIGN})).status == 403
    with pytest.raises(InvalidStatus):
        async with server.websocket({"origin": FOREIGN}, sid=peer.sid):
            pass


async def test_a_star_allows_every_page(serve: Serve) -> None:
    server = serve(Server(cors="*"))
    assert await may_connect(server, FOREIGN)
    answer = await server.request(headers={"origin": FOREIGN})
    assert cors_headers(answer) == {"access-control-allow-origin": "*"}


async def test_a_named_origin_is_allowed_and_no_other(serve: Serve) -> None:
    server = serve(Server(cors=HOME))
    assert await may_connect(server, HOME)
    assert not await may_connect(server, FOREIGN)
    # The page that is refused is told who would not be, as by the official server.
    for origin in (HOME, FOREIGN):
        answer = await server.request(headers={"origin": origin})
        assert cors_headers(answer) == {"access-control-allow-origin": HOME, "vary": "Origin"}


@ONE_WAY
@pytest.mark.parametrize(
    "option",
    [
        [HOME, "https://other.example"],
        re.compile(r"^https://home\."),
        ["https://other.example", re.compile("home")],
        lambda origin: origin == HOME,
        Cors(origin=[HOME]),
    ],
    ids=["list", "pattern", "mixed list", "function", "Cors"],
)
async def test_origins_may_be_given_in_several_forms(serve: Serve, option: Any) -> None:
    server = serve(Server(cors=option))
    assert await may_connect(server, HOME)
    assert not await may_connect(server, FOREIGN)
    allowed = await server.request(headers={"origin": HOME})
    assert cors_headers(allowed) == {"access-control-allow-origin": HOME, "vary": "Origin"}
    refused = await server.request(headers={"origin": FOREIGN})
    assert cors_headers(refused) == {"vary": "Origin"}


@ONE_WAY
async def test_refusals_have_the_headers_too(serve: Serve) -> None:
    server = serve(Server(cors="*"))
    answer = await server.request(transport="x", headers={"origin": FOREIGN})
    assert answer.status == 400
    assert cors_headers(answer) == {"access-control-allow-origin": "*"}


async def test_a_preflight_request_is_answered(serve: Serve) -> None:
    server = serve(Server(cors=HOME))
    headers = {"origin": HOME, "access-control-request-method": "POST", "access-control-request-headers": "x-token"}
    answer = await server.request("OPTIONS", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    assert cors_headers(answer) == {
        "access-control-allow-origin": HOME,
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "access-control-allow-headers": "x-token",
        "vary": "Origin, Access-Control-Request-Headers",
    }


async def test_a_preflight_answer_always_depends_on_the_headers_that_are_asked_for(serve: Serve) -> None:
    server = serve(Server(cors="*"))
    answer = await server.request("OPTIONS", headers={"origin": HOME, "access-control-request-method": "POST"})
    assert cors_headers(answer) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "vary": "Access-Control-Request-Headers",
    }


@ONE_WAY
async def test_everything_that_can_be_said_is_said(serve: Serve) -> None:
    cors = Cors(
        origin=HOME,
        methods=("GET", "POST"),
        allowed_headers=("x-a", "x-b"),
        exposed_headers=("x-c",),
        credentials=True,
        max_age=600,
    )
    server = serve(Server(cors=cors))
    always = {
        "access-control-allow-origin": HOME,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-c",
        "vary": "Origin",
    }
    assert cors_headers(await server.request(headers={"origin": HOME})) == always
    assert cors_headers(await server.request("OPTIONS", headers={"origin": HOME})) == {
        **always,
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "x-a,x-b",
        "access-control-max-age": "600",
    }
