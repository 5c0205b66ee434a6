"""What the fuzz targets share."""

import sys
from collections.abc import Callable, Iterator

from antiphon.errors import HandshakeError, PacketError


def accept(call: Callable[[], object]) -> object:
    """Return what the call returns, or None if it raised one of the two errors that a decoder may raise."""
    try:
        result = call()
        return list(result) if isinstance(result, Iterator) else result
    except (PacketError, HandshakeError):
        return None


def run(one_input: Callable[[bytes], None]) -> None:
    """Fuzz until something is found, or as the arguments of libFuzzer say."""
    import atheris  # noqa: PLC0415 - the targets are also run by pytest, where it need not be installed

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
