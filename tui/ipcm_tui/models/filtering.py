"""Which rows one wants to see, as typed into the filter box: the language of `--filter`."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

import msgspec

from ipcm.console.predicate import Predicate, PredicateError, parse_predicate
from ipcm.console.predicate_fields import Fields, fields_of
from ipcm_tui.models.records import PeerRecord

__all__ = ["NO_FILTER", "PEER_FIELDS", "Filter"]

PEER_FIELDS: Final[Fields] = fields_of(
    PeerRecord,
    seconds=("busy", "uptime", "p50", "p95", "p99", "lag", "ended"),
    sizes=("rss",),
    shares=("cpu",),
)
"""What the table of services can be filtered by."""

_SHORT: Final = re.compile(r"""\bstate\s*!?[=~]=?\s*["']?up\b""", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """What is typed, and what it means.

    Attributes:
        problem: why it cannot be read; "" where it can. at: where in the text.
        predicate: the last that could be read, so that rows stay while one types.
        short: it speaks of `up`, as the table does, and not as `ipcm ps` of `running`.
    """

    text: str = ""
    predicate: Predicate | None = None
    problem: str = ""
    at: int = 0
    short: bool = False

    def typed(self, text: str) -> Filter:
        """With another text."""
        if not text.strip():
            return Filter(text)
        try:
            predicate = parse_predicate(text, PEER_FIELDS)
        except PredicateError as error:
            return dataclasses.replace(self, text=text, problem=error.reason, at=error.at)
        return Filter(text, predicate, short=_SHORT.search(text) is not None)

    @property
    def chooses(self) -> bool:
        """Whether it may leave out a row."""
        return self.predicate is not None

    def wants(self, record: PeerRecord) -> bool:
        """Whether the row is shown."""
        if self.short and record.state in ("running", "connected"):
            record = msgspec.structs.replace(record, state="up")
        return self.predicate is None or self.predicate(record)


NO_FILTER: Final = Filter()
