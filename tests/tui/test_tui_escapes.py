"""Escape sequences that come in pieces."""

from __future__ import annotations

import pytest

from ipcm_tui.models.escapes import Escapes


@pytest.mark.parametrize(
    "sequence", ["\x1b[A", "\x1bOP", "\x1b[1;5A", "\x1b[<35;20;10M", "\x1b[?2026;2$y", "\x1b\x1b[A"]
)
def test_a_sequence_is_whole_wherever_it_was_broken(sequence: str) -> None:
    for at in range(1, len(sequence)):
        escapes = Escapes()
        assert escapes.take("x" + sequence[:at]) == "x"
        assert escapes.patience(0.05) == (0.05 if sequence[:at].strip("\x1b") == "" else 0.5)
        assert escapes.take(sequence[at:] + "y") == sequence + "y"
        assert escapes.patience(0.05) is None


def test_an_escape_that_stands_alone_is_given_up_soon() -> None:
    escapes = Escapes()
    assert escapes.take("ab\x1b") == "ab"
    assert escapes.give_up() == "\x1b" and escapes.patience(0.05) is None
    assert escapes.take("[A") == "[A", "what comes later is something else"


def test_what_begins_like_a_sequence_is_given_up_too_but_not_as_soon() -> None:
    escapes = Escapes()
    assert escapes.take("\x1b[") == ""
    assert escapes.patience(2.0) == 2.0, "who is on a slow line says so"
    assert escapes.give_up() == "\x1b["


def test_the_end_of_what_is_pasted_is_waited_for() -> None:
    escapes = Escapes()
    assert escapes.take("\x1b[200~one\x1b") == "\x1b[200~one"
    assert escapes.patience(0.05) is None
    assert escapes.take("[20") == ""
    assert escapes.patience(0.05) is None
    assert escapes.take("1~\x1b") == "\x1b[201~"
    assert escapes.patience(0.05) == 0.05


def test_keys_behind_what_was_pasted_are_keys() -> None:
    escapes = Escapes()
    assert escapes.take("\x1b[200~one\x1b[201~x") == "\x1b[200~one\x1b[201~x"
    assert escapes.take("\x1b[") == "" and escapes.patience(0.05) == 0.5
