"""What the prompt knows of its bus, kept fresh while one types, without ever waiting.

`tick` takes in what has come; it is called a few times a second by the loop of the prompt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ipcm._core.observation import PeerEvent
from ipcm._core.presence import PeerKind
from ipcm.bus import Bus
from ipcm.console.live import Description, Live, OneLook, read_description
from ipcm.console.waiting import gather
from ipcm.errors import BusGone, IPCMError
from ipcm.observe.observer import Observer

__all__ = ["Feed", "Figures"]

_FRESH: Final = 1.0
_FLASH: Final = 2.0
_AGAIN: Final = 1.0
_BUDGET: Final = 0.02
_PATIENCE: Final = 0.1
_SETTLE: Final = 0.2


class Figures(NamedTuple):
    """Sums over the services of the bus.

    Attributes:
        open: requests being processed. errors: answered with an error. rate: answers a second.
    """

    peers: int = 0
    open: int = 0
    errors: int = 0
    rate: float = 0.0


class Feed:
    """An observer of the current bus, and what is known through it; see `Live`.

    Attributes:
        gone: the bus is over.
        version: another number whenever something has changed that `Live` tells.
    """

    def __init__(self) -> None:
        self.gone = False
        self.version = 0
        self._bus: Bus | None = None
        self._observer: Observer | None = None
        self._retry = 0.0
        self._refresh = 0.0
        self._asked: set[str] = set()
        self._read: dict[str, Description] = {}
        self._flashes: list[tuple[str, float]] = []
        self._own: set[str] = set()
        self._elsewhere = OneLook(None, _PATIENCE)

    # The bus

    def follow(self, bus: Bus | None) -> None:
        """Watches this bus from now on; None for none."""
        same = bus is not None and self._bus is not None and bus.info == self._bus.info
        if same and not self.gone:  # else another may have come in its place, under its name
            return
        self.close()
        self._bus, self.gone = bus, False
        self._open()
        if self._observer is not None:
            self._settle(self._observer)

    def _settle(self, observer: Observer) -> None:
        """Waits a moment for what services say of themselves, so that the first key is served."""

        def known() -> bool:
            services = [peer for peer in observer.presence.values() if peer.kind == "service"]
            return all(each.name in observer.descriptions for each in services if each.ready)

        self._ask(observer)
        try:
            gather(observer, known, _SETTLE)
        except BusGone:
            return  # told at the next tick
        self._ask(observer)

    def close(self) -> None:
        """Leaves the bus."""
        if self._observer is not None:
            self._observer.close()
        self._observer = None
        self._asked.clear()
        self._read.clear()
        self._flashes.clear()
        self.version += 1

    def _open(self) -> None:
        if self._bus is None:
            return
        self._retry = time.monotonic() + _AGAIN
        try:
            self._observer = self._bus.observe(messages=False)
        except BusGone:
            self.gone = True
        except (IPCMError, OSError):
            return  # tried again later

    @property
    def waiting(self) -> bool:
        """Whether services have been asked what they offer, and have not answered yet."""
        return len(self._read) < len(self._asked)

    def tick(self) -> bool:
        """Takes in what has come; says whether anything has changed."""
        now = time.monotonic()
        before = (self.version, self.gone, self.figures, self.flashes)
        if self._observer is None and not self.gone and now >= self._retry:
            self._open()
        if self._observer is not None:
            self._take(self._observer, now)
        self._flashes = [flash for flash in self._flashes if flash[1] > now]
        return before != (self.version, self.gone, self.figures, self.flashes)

    def _take(self, observer: Observer, now: float) -> None:
        events: list[PeerEvent] = []
        try:
            while came := observer.poll(0):
                events += [e for e in came if isinstance(e, PeerEvent) and not e.service]
                if time.monotonic() - now > _BUDGET:
                    break
            if now >= self._refresh:
                self._refresh = now + _FRESH
                observer.refresh()
            self._ask(observer)
        except BusGone:
            # It is over, or it was more than we could take in: the next look says which.
            self.close()
            self._retry = now
            return
        self._note(observer, events, now)

    def _note(self, observer: Observer, events: list[PeerEvent], now: float) -> None:
        """Who came and who left; but not those of whom nothing is left, such as the connections
        that a verb makes for itself.
        """
        came: set[str] = set()
        passed = set()
        for event in events:
            self.version += 1
            if event.change > 0:
                came.add(event.peer)
                peer = observer.presence.get(event.peer)
                if peer is not None and peer.pid == os.getpid():
                    self._own.add(event.peer)
                continue
            self._asked.discard(event.peer)
            self._read.pop(event.peer, None)
            if event.peer in came and event.peer not in observer.presence:
                passed.add(event.peer)
        for event in events:
            if event.peer not in passed and event.peer not in self._own:
                sign = "+" if event.change > 0 else "-"
                self._flashes.append((f"{sign}{event.peer}", now + _FLASH))
        self._own &= observer.presence.keys()

    def _ask(self, observer: Observer) -> None:
        for name, peer in observer.presence.items():
            if peer.kind == "service" and name not in self._asked:
                self._asked.add(name)
                observer.ask_description(name)
        for name, raw in observer.descriptions.items():
            if name not in self._read and (about := read_description(raw)) is not None:
                self._read[name] = about
                self.version += 1

    # What the toolbar shows

    @property
    def figures(self) -> Figures:
        """Of the bus, as of the last second."""
        if self._observer is None:
            return Figures()
        shown = self._observer.snapshots.values()
        return Figures(
            len(self.peers()),
            sum(each.requests.open for each in shown),
            sum(each.requests.errors for each in shown),
            round(sum(each.total.rate for each in shown), 1),
        )

    @property
    def flashes(self) -> tuple[str, ...]:
        """Who came (+name) and left (-name) just now, the newest last."""
        return tuple(text for text, _ in self._flashes)

    # Live

    def buses(self) -> Sequence[str]:
        """See `Live`."""
        return self._elsewhere.buses()

    def peers(self) -> Mapping[str, PeerKind]:
        """See `Live`."""
        if self._observer is None:
            return {} if self._bus is not None else self._elsewhere.peers()
        own = os.getpid()
        present = self._observer.presence.values()
        return {peer.name: peer.kind for peer in present if peer.pid != own}

    def description(self, service: str) -> Description | None:
        """See `Live`."""
        if self._bus is None:
            return self._elsewhere.description(service)
        return self._read.get(service)

    def on(self, bus: str) -> Live:
        """See `Live`."""
        return self._elsewhere.on(bus)
