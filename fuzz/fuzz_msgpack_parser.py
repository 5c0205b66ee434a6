"""Fuzz the MessagePack parser, and its fast decoder against the exact one."""

from contextlib import suppress

from harness import accept, run

from antiphon.socketio import notepack
from antiphon.socketio.msgpack_parser import MsgPackParser
from antiphon.socketio.packet import Packet

PARSER = MsgPackParser()


def check(data: bytes) -> None:
    packet = accept(lambda: PARSER.decoder().add_binary(data))
    exact = accept(lambda: notepack.decode(data))
    if isinstance(packet, Packet):
        assert isinstance(exact, dict)
        with suppress(RecursionError):  # of repr, which goes less deep than the decoders
            assert repr(packet.data) == repr(exact.get("data"))


def one_input(data: bytes) -> None:
    check(data)
    # Most inputs fail at the first byte that matters. As the argument of an event all of them get further.
    check(b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a" + data)
    accept(lambda: PARSER.decoder().add_text(data))


if __name__ == "__main__":
    run(one_input)
