"""Escape sequences that come in pieces: a connection may break one anywhere, and pause there."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ESCAPE", "Escapes"]

ESCAPE: Final = "\x1b"

_SPLIT: Final = 0.5
"""Seconds until what began as a sequence is taken for keys: nobody types one, and a lost packet is
sent again sooner.
"""

_BEGUN: Final = re.compile(r"\x1b+(?:O|\[[0-?]*[ -/]*)?\Z")
_PASTE_BEGINS: Final = "\x1b[200~"
_PASTE_ENDS: Final = "\x1b[201~"


class Escapes:
    """Holds back the beginning of a sequence until the rest of it has come.

    Inside what is pasted it waits for ever: nothing there is a key, and to miss the end of it is
    to hear of no key any more.
    """

    def __init__(self) -> None:
        self._held = ""
        self._pasting = False

    def take(self, text: str) -> str:
        """What can be understood by now, of what was held back and what comes."""
        text = self._held + text
        begun = _BEGUN.search(text)
        whole = text[: begun.start()] if begun else text
        self._held = text[len(whole) :]
        begins, ends = whole.rfind(_PASTE_BEGINS), whole.rfind(_PASTE_ENDS)
        if begins != ends:
            self._pasting = begins > ends
        return whole

    def patience(self, alone: float) -> float | None:
        """Seconds to wait for the rest; None where none is waited for, or for ever.

        Args:
            alone: how long for what may come behind an escape that stands alone.
        """
        if not self._held or self._pasting:
            return None
        return alone if self._held.strip(ESCAPE) == "" else max(alone, _SPLIT)

    def give_up(self) -> str:
        """What was held back: nothing comes any more."""
        held, self._held = self._held, ""
        return held
