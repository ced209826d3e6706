"""Which rows one wants to see, as typed into the filter box: the language of `--filter`."""

from __future__ import annotations

import dataclasses
from typing import Final

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


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """What is typed, and what it means.

    Attributes:
        problem: why it cannot be read; "" where it can. at: where in the text.
        predicate: the last that could be read, so that rows stay while one types.
    """

    text: str = ""
    predicate: Predicate | None = None
    problem: str = ""
    at: int = 0

    def typed(self, text: str) -> Filter:
        """With another text."""
        if not text.strip():
            return Filter(text)
        try:
            return Filter(text, parse_predicate(text, PEER_FIELDS))
        except PredicateError as error:
            return Filter(text, self.predicate, error.reason, error.at)

    @property
    def chooses(self) -> bool:
        """Whether it may leave out a row."""
        return self.predicate is not None

    def wants(self, record: PeerRecord) -> bool:
        """Whether the row is shown."""
        return self.predicate is None or self.predicate(record)


NO_FILTER: Final = Filter()
