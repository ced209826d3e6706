"""How a call went that does not raise."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["Outcome"]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How something ended whose error is returned and not raised; true where it worked.

    Attributes:
        ok: whether it worked. err: the exception where it did not. out: what it returned.
    """

    ok: bool
    err: BaseException | None = None
    out: Any = None

    def __bool__(self) -> bool:
        return self.ok
