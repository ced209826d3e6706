"""Which keys the line at the bottom offers, and where on it each of them stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

__all__ = ["MORE", "Offer", "OfferPlace", "fit_offers", "offer_at", "place_offers"]

MORE = "…"
"""Stands where there are keys that found no room."""


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


def place_offers(offers: Iterable[Offer], start: int = 0) -> list[OfferPlace]:
    """One beside the other, from the cell `start` on."""
    places: list[OfferPlace] = []
    for offer in offers:
        end = start + sum(map(cell_len, offer.words))
        places.append(OfferPlace(offer, start, end))
        start = end
    return places


def fit_offers(offers: Sequence[Offer], first: int, room: int) -> tuple[list[OfferPlace], bool]:
    """Those from the `first` on that find room whole: half a word is no offer.

    Returns:
        Their places, and whether some behind them found none; a cell is kept free for `MORE` then.
    """
    places = place_offers(offers[first:])
    if not places or places[-1].end <= room:
        return places, False
    return [place for place in places if place.end <= room - cell_len(MORE)], True


def offer_at(places: Sequence[OfferPlace], x: int) -> Offer | None:
    """The one that takes a cell, if any does."""
    return next((place.offer for place in places if place.start <= x < place.end), None)
