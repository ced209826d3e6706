"""`%ipcm watch`: a live view in one output, which never keeps the kernel from working."""

from __future__ import annotations

import contextvars
import math
import time
from collections.abc import Callable
from typing import Any, Final

from ipcm.bus import Bus
from ipcm.console.cards import plain_text
from ipcm.console.peers import look, peer_table
from ipcm.console.results import Span, Table
from ipcm.console.usage import UsageMeter
from ipcm.console.watch import Picture, WatchModel
from ipcm.console.watch_views import picture_html, picture_record
from ipcm.errors import BusGone, NoSuchPeer
from ipcm.magics.background import Aside, Interruptible
from ipcm.magics.output import REFRESH, Update, display

__all__ = ["View", "watch_blocking", "watch_in_background"]

_FIRST: Final = 0.3


class View:
    """What is seen of a bus, taken in and shown step by step.

    Args:
        service: only what concerns this one; None for all. seconds: to its end; None for none.
        show: shows a picture, in the place of the one before.

    Raises:
        BusGone, NoSuchPeer.
    """

    def __init__(
        self, bus: Bus, service: str | None, seconds: float | None, show: Callable[[Picture], None]
    ) -> None:
        title = f"bus {bus.name}" if service is None else f"{service} on bus {bus.name}"
        self._model = WatchModel(title, service)
        self._show = show
        self._meter = UsageMeter()
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        self._over = False
        self._observer = bus.observe()
        try:
            # The first picture has figures already, where services are not busy.
            table = look(self._observer, self._meter, _FIRST)
            if service is not None and service not in self._observer.presence:
                raise NoSuchPeer(service, self._observer.presence)
            self._show(self._picture(table))
        except BaseException:
            self._observer.close()
            raise

    def step(self) -> bool:
        """Takes in what came, and shows it; returns whether there is more to come."""
        try:
            self._model.take(self._observer.poll(0.0))
            self._observer.refresh()
        except BusGone:
            self._over = True
        self._show(self._picture(peer_table(self._observer, self._meter, REFRESH)))
        return not self._over and time.monotonic() < self._deadline

    def finish(self) -> None:
        """Takes a last look, and leaves the bus; the picture stays."""
        if not self._over:
            self.step()
        self._observer.close()

    def _picture(self, table: Table[Any]) -> Picture:
        observer = self._observer
        return self._model.picture(
            time.time(), table.rows, observer.snapshots, observer.dropped, self._over
        )


def watch_in_background(
    bus: Bus,
    service: str | None,
    seconds: float | None,
    context: Callable[[], contextvars.Context],
    update: Update,
) -> Interruptible:
    """Makes a live view in the output of the cell that runs now.

    It has a connection of its own, and, once it is started, moves whatever the cells after it do.
    """
    view = View(bus, service, seconds, _display_shower(update))
    return Interruptible(Aside(view.step, view.finish, context), context)


def watch_blocking(
    bus: Bus,
    service: str | None,
    seconds: float | None,
    lines: Callable[[list[list[Span]]], None] | None,
) -> None:
    """Shows a live view until it ends, or an interrupt ends it.

    Args:
        lines: shows lines in the place of those before, on a terminal; None for display data.
    """
    show = _display_shower() if lines is None else _line_shower(lines)
    view = View(bus, service, seconds, show)
    try:
        while view.step():
            time.sleep(REFRESH)
    except KeyboardInterrupt:
        pass  # that is how one ends it
    finally:
        view.finish()


def _display_shower(update: Update | None = None) -> Callable[[Picture], None]:
    handle: Any = None
    before = ""

    def show(picture: Picture) -> None:
        nonlocal handle, before
        html = picture_html(picture)
        if html == before:
            return
        before = html
        bundle = {"text/plain": plain_text(picture_record(picture)), "text/html": html}
        if handle is None:
            handle = display(bundle, raw=True, display_id=True)
        elif update is None:
            handle.update(bundle, raw=True)
        else:
            update(handle.display_id, bundle)

    return show


def _line_shower(lines: Callable[[list[list[Span]]], None]) -> Callable[[Picture], None]:
    def show(picture: Picture) -> None:
        text = plain_text(picture_record(picture))
        lines([[(line, "")] for line in text.splitlines()])

    return show
