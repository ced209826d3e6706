"""Garbage collections that no key has to wait for."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

__all__ = ["rare_collections"]

_THRESHOLDS: Final = (5_000, 20, 50)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Collects less often, and never what was there before.

    A picture makes thousands of small objects, and by Python's measure that is reason for two
    full collections a second, each of which looks at all that was imported and styled: 50 to
    150 ms in which no key is answered, a fifth of a core. What was there is left out (the
    documentation of gc.freeze), the rest is looked at once in a while.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
