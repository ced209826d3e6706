"""What is written on a bus and read again: words, hellos, envelopes, info strings."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcm._core.businfo import BusInfo
from ipcm._core.envelope import Envelope
from ipcm._core.presence import FromPeer, FromRegistrar, Hello, PeerInfo, make_token
from ipcm._core.subscription import ObserveOptions
from ipcm.errors import BadBusInfo, ContentError, ProtocolError
from ipcm.serializers import NAMES, get_serializer

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


NUMBERS = st.integers(0, (1 << 63) - 1)
WANTS = st.builds(
    ObserveOptions,
    messages=st.booleans(),
    previews=st.booleans(),
    rate=st.floats(allow_nan=False),
    events=st.tuples(TEXT),
    services=st.tuples(TEXT, TEXT),
)
PEERS = st.builds(
    PeerInfo,
    name=TEXT,
    pid=NUMBERS,
    incarnation=TEXT,
    kind=st.sampled_from(["service", "client", "observer"]),
    ready=st.booleans(),
    since=st.floats(allow_nan=False),
    wants=st.none() | WANTS,
)
FIELDS: dict[str, Any] = {
    "seq": NUMBERS,
    "name": TEXT,
    "incarnation": TEXT,
    "kind": st.sampled_from(["service", "client", "observer"]),
    "ready": st.booleans(),
    "grace": st.floats(allow_nan=False),
    "process": st.none() | st.tuples(NUMBERS, NUMBERS),
    "lingers": st.booleans(),
    "error": st.none() | TEXT,
    "pid": st.none() | NUMBERS,
    "others": st.lists(TEXT, max_size=3),
    "peers": st.lists(PEERS, max_size=3),
    "peer": PEERS,
    "wants": WANTS,
    "thread": NUMBERS,
}


def words(union: Any) -> Any:
    return st.one_of(
        [
            st.builds(word, **{field: FIELDS[field] for field in word.__struct_fields__})
            for word in union.__args__
        ]
    )


@given(words(FromPeer))
def test_words_of_a_peer(word: Any) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(word), type=FromPeer) == word


@given(words(FromRegistrar))
def test_words_of_a_registrar(word: Any) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(word), type=FromRegistrar) == word


@given(st.binary(max_size=60))
def test_garbage_is_no_word(data: bytes) -> None:
    for union in (FromPeer, FromRegistrar, Hello):
        try:
            msgspec.msgpack.decode(data, type=union)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):  # as the registrar does
            continue


@given(st.binary(min_size=8, max_size=32), TEXT, TEXT, st.integers(1, 1 << 22), st.integers(0, 3))
def test_a_token_holds_for_one_life_in_one_process(
    key: bytes, name: str, life: str, pid: int, change: int
) -> None:
    name, life = name.replace("\0", ""), life.replace("\0", "")
    token = make_token(key, name, life, pid)
    assert token == make_token(key, name, life, pid)
    other = [(key + b"x", name, life, pid), (key, name + "x", life, pid)]
    other += [(key, name, life + "x", pid), (key, name, life, pid + 1)]
    assert token != make_token(*other[change])


@pytest.mark.parametrize("serializer", NAMES)
@given(kind=st.integers(0, 6), id=st.integers(0, 1 << 60), content=JSON, aux=TEXT | st.none())
def test_envelopes(serializer: str, kind: int, id: int, content: Any, aux: str | None) -> None:
    chosen = get_serializer(serializer)
    envelope = Envelope(kind, id, content, aux, 1.5)
    data = bytearray(chosen.encode(envelope))
    read = chosen.decode(memoryview(data))
    data[:] = bytes(len(data))  # the buffer is used again
    assert read == envelope


@pytest.mark.parametrize("serializer", NAMES)
@given(data=st.binary(max_size=80))
def test_garbage_is_no_envelope(serializer: str, data: bytes) -> None:
    try:
        get_serializer(serializer).decode(data)
    except ProtocolError:
        return


@pytest.mark.parametrize("serializer", NAMES)
@settings(max_examples=40)
@given(content=JSON)
def test_an_envelope_cut_short_is_none(serializer: str, content: Any) -> None:
    chosen = get_serializer(serializer)
    data = chosen.encode(Envelope(2, 1 << 40, content, None, 2.5))
    for size in range(len(data)):
        with pytest.raises(ProtocolError):
            chosen.decode(data[:size])


@pytest.mark.parametrize("serializer", NAMES)
# In between it depends on how deep the interpreter goes: 3.13 goes deeper than 3.11.
@pytest.mark.parametrize("levels", [900, 200_000])
def test_an_envelope_nested_too_deep_is_none(serializer: str, levels: int) -> None:
    opening, closing = (b"\x91", b"\xc0") if serializer == "msgpack" else (b"[", b"]" * levels)
    nested = opening * levels + closing
    data = b"\x95\x00\x01" + nested + b"\xc0\x00" if serializer == "msgpack" else (
        b"[0,1," + nested + b",null,0]"
    )  # fmt: skip
    try:
        get_serializer(serializer).decode(data)
    except ProtocolError:
        return
    assert levels == 900


@pytest.mark.parametrize("serializer", NAMES)
def test_what_is_no_json_of_ours(serializer: str) -> None:
    chosen = get_serializer(serializer)
    for content in (float("nan"), float("inf")):
        data = chosen.encode(Envelope(0, 1, [content]))
        assert chosen.decode(data).content in ([None], [content]) or content != content
    for content in (object(), {1j: 1}, "\ud800", ...):
        with pytest.raises(ContentError):
            chosen.encode(Envelope(0, 1, content))
    for data in (b"[0,1,NaN]", b"[0,1," + b"1" * 5_000 + b"]", b'[0,1,"\\ud800"]', b"[0,1,2,3,4"):
        try:
            chosen.decode(data)
        except ProtocolError:
            continue


@given(TEXT.filter(bool), TEXT.filter(bool), TEXT.filter(bool))
def test_info_strings(transport: str, serializer: str, route: str) -> None:
    info = BusInfo(transport, serializer, route)
    assert BusInfo.parse(str(info)) == info


@given(st.text(max_size=40) | st.from_regex(r'\[("[a-z]*",?)*\]', fullmatch=True))
def test_any_text_is_an_info_string_or_refused(text: str) -> None:
    try:
        info = BusInfo.parse(text)
    except BadBusInfo:
        return
    assert all(info)
