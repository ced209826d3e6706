"""Names and contents that are safe to print."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ipcm.demo.text import printable, show_path


def test_plain_text_stays_as_it_is() -> None:
    assert printable("Grüße, 世界 — a b") == "Grüße, 世界 — a b"
    assert show_path("dir/straße.txt".encode()) == "dir/straße.txt"


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable("a\nb\t\x1b[2J\x7f\u202e") == "a\\nb\\t\\x1b[2J\\x7f\\u202e"
    assert show_path(b"caf\xe9\n") == "caf\\xe9\\n"


@given(path=st.binary(max_size=50))
def test_every_name_can_be_shown_and_sent(path: bytes) -> None:
    shown = show_path(path)
    assert shown.isprintable()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(shown)) == shown


@given(text=st.text(max_size=50))
def test_every_text_can_be_shown(text: str) -> None:
    assert printable(text).isprintable()
