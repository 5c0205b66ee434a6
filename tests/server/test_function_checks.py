"""Functions that cannot be called with what they will be given are refused when they are handed over."""

from __future__ import annotations

import pytest

from antiphon import ConfigurationError, Server, Socket

NO_NEXT = "there is no next\\(\\) and no callback"


def test_a_middleware_of_the_engine_takes_the_request_alone() -> None:
    with pytest.raises(ConfigurationError, match=NO_NEXT):
        Server().engine.use(lambda request, response, go_on: None)
    with pytest.raises(ConfigurationError, match="a middleware of the engine must be a function of the request, not 5"):
        Server().engine.use(5)  # type: ignore[type-var]


def test_a_generator_of_ids_that_is_set_later_is_checked() -> None:
    with pytest.raises(ConfigurationError, match="must take one argument, the request"):
        Server().engine.generate_id = lambda: "nothing is given to it"


@pytest.mark.parametrize("option", ["allow_request", "generate_id"])
def test_a_function_that_decides_about_requests_takes_no_callback(option: str) -> None:
    with pytest.raises(ConfigurationError, match=NO_NEXT):
        Server(**{option: lambda request, callback: None})
    with pytest.raises(ConfigurationError, match=f"{option} must be a function of the request, not 'all'"):
        Server(**{option: "all"})


def test_a_function_that_decides_about_namespaces_takes_name_and_auth() -> None:
    with pytest.raises(ConfigurationError, match="must take 2 arguments, their name and the client's auth"):
        Server().of(lambda name, auth, go_on: True)
    Server().of(lambda name, auth: True)


def test_functions_that_do_not_tell_their_signature_are_taken() -> None:
    Server(allow_request=bool)


def test_cors_is_no_dictionary() -> None:
    with pytest.raises(ConfigurationError, match=r"cors takes Cors\(origin=...\) or origins, not a dictionary"):
        Server(cors={"origin": "*"})  # type: ignore[arg-type]


def test_an_option_that_is_on_or_off_is_named() -> None:
    with pytest.raises(ConfigurationError, match="per_message_deflate expects True, False or PerMessageDeflate"):
        Server(per_message_deflate=5)  # type: ignore[arg-type]


def test_socket_data_is_a_dictionary() -> None:
    with pytest.raises(ConfigurationError, match=r"socket\.data is a dictionary, not 5"):
        Socket.data.fset(object.__new__(Socket), 5)  # type: ignore[attr-defined]
