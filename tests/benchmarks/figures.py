"""What a benchmark tells: figures, and whether each meets its target."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Literal

import msgspec

__all__ = ["Effort", "Figure", "markdown", "private_place", "table"]


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured.

    Attributes:
        requests: small requests in a round. rounds: in which all systems take turns.
        echoes: of 100 KiB, and of 1 MiB, in a round. starts: services started and closed.
        peers: idle ones on the full bus. idle: seconds that an idle service is watched.
        imports: interpreters started for each module.
        watched: seconds of requests with an observer, and without.
    """

    requests: int = 1000
    rounds: int = 7
    echoes: int = 20
    starts: int = 15
    peers: int = 1000
    idle: float = 10.0
    imports: int = 9
    watched: float = 1.5


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure.

    Attributes:
        name: what was measured. value: in `unit`, of ipcm.
        base: what it is compared with, in the same unit, and `ratio`: value / base.
        target: of the ratio where there is one, else of the value; None where it is only shown.
        sense: whether the target is the most or the least.
        bound: what limits it.
    """

    name: str
    value: float
    unit: str
    base: float | None = None
    target: float | None = None
    sense: Literal["<=", ">="] = "<="
    bound: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as much as what it is compared with."""
        return None if not self.base else self.value / self.base

    @property
    def met(self) -> bool | None:
        """Whether it meets its target; None where it has none."""
        if self.target is None:
            return None
        got = self.value if self.ratio is None else self.ratio
        return got <= self.target if self.sense == "<=" else got >= self.target

    def row(self) -> dict[str, object]:
        """As plain data, with what follows from it."""
        return {**msgspec.to_builtins(self), "ratio": self.ratio, "met": self.met}


def table(figures: list[Figure]) -> str:
    """The figures as aligned text."""
    rows = [("FIGURE", "IPCM", "BESIDE", "RATIO", "TARGET", ""), *_cells(figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(figures: list[Figure]) -> str:
    """The figures as a table of Markdown, with what limits each."""
    lines = ["| figure | ipcm | beside | ratio | target | | what bounds it |", "|---" * 7 + "|"]
    for each, cells in zip(figures, _cells(figures), strict=True):
        lines.append(f"| {' | '.join([*cells, each.bound])} |")
    return "\n".join(lines) + "\n"


def _cells(figures: list[Figure]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in figures:
        sign = "x " if each.ratio is not None else ""
        rows.append(
            (
                each.name,
                _amount(each.value, each.unit),
                "-" if each.base is None else _amount(each.base, each.unit),
                "-" if each.ratio is None else f"{each.ratio:.2f}",
                "-" if each.target is None else f"{each.sense} {sign}{each.target:g}",
                {True: "met", False: "MISSED", None: ""}[each.met],
            )
        )
    return rows


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


@contextlib.contextmanager
def private_place() -> Iterator[None]:
    """In the block, buses are made where no other is."""
    before = os.environ.get("IPCM_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="ipcm-bench-") as place:
        os.environ["IPCM_RUNTIME_DIR"] = place
        try:
            yield
        finally:
            if before is None:
                del os.environ["IPCM_RUNTIME_DIR"]
            else:
                os.environ["IPCM_RUNTIME_DIR"] = before
