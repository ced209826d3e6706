"""Exceptions as text."""

from __future__ import annotations

import pytest

import ipcm
from ipcm.role.text import format_error


class Dialect(SyntaxError):
    """Of a language that is not Python's."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such table"), "ValueError: no such table"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (
            ipcm.ServiceStartError("s", "'s' failed to start: KeyError: 1", "Traceback ..."),
            "ipcm.errors.ServiceStartError: 's' failed to start: KeyError: 1",
        ),
        (SyntaxError("invalid", ("<cell>", 2, 1, "x =")), "SyntaxError: invalid"),
        (Dialect("odd", ("<cell>", 2, 1, "x =")), f"{__name__}.Dialect: odd"),
        (SyntaxError("no place"), "SyntaxError: no place"),
        (IndentationError("odd", ("<cell>", 2, 1, "x =")), "IndentationError: odd"),
    ],
)
def test_one_line(error: BaseException, line: str) -> None:
    assert format_error(error) == line


def test_notes_are_left_to_the_traceback() -> None:
    error = ValueError("no such table")
    error.add_note("try another")
    assert format_error(error) == "ValueError: no such table"
