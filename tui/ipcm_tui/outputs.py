"""What services wrote to their standard output and error, where a bus keeps it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Outputs"]


class Outputs(Protocol):
    """Reads it on; tests put their own."""

    def read(self, service: str, place: int) -> tuple[str, int]:
        """What was written since `place` (0: since the beginning), and the place to go on from."""
