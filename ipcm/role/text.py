"""Exceptions as text."""

from __future__ import annotations

import traceback

__all__ = ["format_error", "format_traceback"]


def format_error(error: BaseException) -> str:
    """One line: class and message."""
    return "".join(traceback.format_exception_only(error)).strip()


def format_traceback(error: BaseException) -> str:
    """The whole traceback."""
    return "".join(traceback.format_exception(error)).rstrip()
