"""Which keys the line at the bottom offers, and where on it each of them stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

__all__ = ["Offer", "OfferPlace", "offer_at", "place_offers"]


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """A key and what it does.

    Attributes:
        key: as an event names it. shown: as a person does.
        works: whether it does anything just now.
    """

    key: str
    shown: str
    about: str
    tooltip: str = ""
    works: bool = True

    @property
    def words(self) -> tuple[str, str]:
        """What is drawn: the key, and what it does."""
        return f" {self.shown} ", f"{self.about} "


@dataclasses.dataclass(frozen=True, slots=True)
class OfferPlace:
    """An offer and the cells that it takes, from `start` up to before `end`."""

    offer: Offer
    start: int
    end: int


def place_offers(offers: Iterable[Offer]) -> list[OfferPlace]:
    """One beside the other."""
    places: list[OfferPlace] = []
    start = 0
    for offer in offers:
        end = start + sum(map(cell_len, offer.words))
        places.append(OfferPlace(offer, start, end))
        start = end
    return places


def offer_at(places: Sequence[OfferPlace], x: int) -> Offer | None:
    """The one that takes a cell, if any does."""
    return next((place.offer for place in places if place.start <= x < place.end), None)
