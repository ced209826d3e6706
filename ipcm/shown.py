"""What notebooks show of an object: looked up when one asks, for the makers of it lie above."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Shown"]

_MAKER = "ipcm.console.cards"


class Shown:
    """An object that notebooks show as more than its repr.

    IPython's display protocol. Whoever imports the object loads nothing for it; what is shown
    comes from the console, through its name.
    """

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = importlib.import_module(_MAKER).mimebundle(self)
        return bundle

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])
