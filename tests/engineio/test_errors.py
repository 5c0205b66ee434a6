import copy
import inspect
import pickle

import pytest

from antiphon import errors

# How to make those that do not take just a message.
EXAMPLES = {
    errors.ReservedEventError: lambda: errors.ReservedEventError("connect"),
    errors.PayloadTooLarge: lambda: errors.PayloadTooLarge(5, 3),
    errors.HandshakeError: lambda: errors.HandshakeError(1, "no", {"name": "X"}),
    errors.TransportError: lambda: errors.TransportError(
        "no", transport="polling", url="http://a", status=400, body="b"
    ),
    errors.ConnectError: lambda: errors.ConnectError("no", transport="websocket", url="ws://a", status=1006),
    errors.ConnectionRefused: lambda: errors.ConnectionRefused("no", {"a": 1}),
    errors.AckTimeout: lambda: errors.AckTimeout(responses=[1], missing={"a"}),
    errors.Disconnected: lambda: errors.Disconnected("no", "ping timeout"),
    errors.SocketDisconnected: lambda: errors.SocketDisconnected("no", "ping timeout"),
}

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.AntiphonError)]

COPIES = [copy.copy, copy.deepcopy] + [
    lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
]


def assert_is_same(twin, error):
    assert type(twin) is type(error)
    assert twin is not error
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert vars(twin) == vars(error)


def test_every_public_exception_is_looked_at():
    assert {kind.__name__ for kind in CLASSES} == set(errors.__all__)


@pytest.mark.parametrize("copy_it", COPIES)
@pytest.mark.parametrize("kind", CLASSES)
def test_an_exception_survives_copying_and_pickling(kind, copy_it):
    error = EXAMPLES.get(kind, lambda: kind("no"))()
    error.add_note("a note")
    assert_is_same(copy_it(error), error)


class OfAnApplication(errors.ConnectionRefused):
    def __init__(self, user, *, times):
        super().__init__(f"{user} was here {times} times", {"user": user})
        self.times = times


@pytest.mark.parametrize("copy_it", COPIES)
def test_so_does_one_that_is_derived_with_other_arguments(copy_it):
    error = OfAnApplication("joe", times=3)
    assert_is_same(copy_it(error), error)
