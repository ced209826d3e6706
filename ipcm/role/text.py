"""Exceptions and callbacks as text."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["callback_name", "error_text", "format_error", "format_traceback"]


def callback_name(callback: Callable[..., Any]) -> str:
    """The name of what is called in the end."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    name: str = getattr(callback, "__name__", None) or type(callback).__name__
    return name


def error_text(error: BaseException) -> str:
    """Its message, also where it cannot tell it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (what a class says of itself is its own affair)
        return f"<{type(error).__name__} that has no text>"


def format_error(error: BaseException) -> str:
    """One line: class and message. The other lines of a message are in its traceback."""
    pieces = traceback.format_exception_only(error)
    # Of a SyntaxError its place comes first, indented.
    return next(each for each in pieces if not each.startswith(" ")).splitlines()[0]


def format_traceback(error: BaseException) -> str:
    """The whole traceback."""
    return "".join(traceback.format_exception(error)).rstrip()
