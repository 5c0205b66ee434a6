"""The fuzz targets with inputs from hypothesis, without atheris."""

import fuzz_engineio_packet
import fuzz_engineio_payload
import fuzz_engineio_v3
import fuzz_handshake
import fuzz_json_parser
import fuzz_msgpack_parser
import harness
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st


def chunks(*parts):
    """Return bytes that are made of these parts and of others."""
    return st.lists(st.one_of(st.sampled_from(parts), st.binary(max_size=4)), max_size=12).map(b"".join)


@given(chunks(b"4", b"6", b"b", b"AQID", b"="))
def test_engineio_packet(data):
    fuzz_engineio_packet.one_input(data)


@given(chunks(b"4", b"\x1e", b"b", b"AQID", b"==", b"2probe"))
def test_engineio_payload(data):
    fuzz_engineio_payload.one_input(data)


@given(chunks(b"1:", b"2:4a", "3:4€a".encode(), "3:4😀".encode(), b"b4AQID", b"\x00\x01\xff4", b"\x01\x01\xff\x04"))
def test_engineio_v3(data):
    fuzz_engineio_v3.one_input(data)


@given(
    chunks(
        *(b"%d" % digit for digit in range(10)),
        *(b'["a"]', b"-", b"/x,", b"{}", b"[", b"]", b'"', b"\xff", b"\xfe", b"\\ud83d", b'"connect"'),
        b'51-["a",{"_placeholder":true,"num":0}]\xff\xfex\xff',
    )
)
def test_json_parser(data):
    fuzz_json_parser.one_input(data)


@given(
    chunks(
        *(b"\x83\xa4type\x02", b"\xa3nsp\xa1/", b"\xa4data", b"\x91\xa1a", b"\x92\xa1a", b"\xa2id\x01", b"\xc0"),
        *(b"\xd4\x00\x00", b"\xd7\x00" + bytes(8), b"\xc7\x01\x00\x01", b"\xc7\x03\x00abc", b"\xd5\x00ab", b"\x81\x01"),
        b"\xb0\x1eend of message\x1e",
    )
)
def test_msgpack_parser(data):
    fuzz_msgpack_parser.one_input(data)


extensions = st.tuples(st.integers(0, 2), st.binary(max_size=17)).map(lambda fields: ormsgpack.Ext(*fields))
scalars = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=20)
keys = st.text(max_size=3) | st.integers(0, 9)
values = st.recursive(
    st.none() | scalars | extensions,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"type": st.integers(0, 4), "nsp": st.just("/")},
        optional={"data": st.lists(values, max_size=3).map(lambda rest: ["a", *rest]) | values, "id": values},
    )
)
def test_msgpack_parser_with_messages(message):
    fuzz_msgpack_parser.one_input(ormsgpack.packb(message, option=ormsgpack.OPT_NON_STR_KEYS))


@given(chunks(b"\0", b"GET", b"transport=polling&", b"transport=websocket&", b"sid=x&", b"EIO=4&", b"o", b"p", b"u"))
def test_handshake(data):
    fuzz_handshake.one_input(data)


@given(st.sampled_from([b"GET", b"POST"]), chunks(b"u", b"o", b"p", b"w", b"3"), chunks(b"http://a"), st.booleans())
def test_handshake_with_a_known_transport(method, flags, origin, websocket):
    query = b"transport=websocket&EIO=4" if websocket else b"transport=polling&sid=x"
    fuzz_handshake.one_input(b"\0".join((method, flags.replace(b"\0", b""), origin.replace(b"\0", b""), query)))


@pytest.mark.parametrize("error", [ValueError, RecursionError])
def test_any_other_error_is_a_finding(error):
    def broken():
        raise error

    with pytest.raises(error):
        harness.accept(broken)
