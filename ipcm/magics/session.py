"""What is current in one IPython session."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import keyword
from collections.abc import Callable, Iterator
from typing import Any, Final

from IPython.core.displaypub import CapturingDisplayPublisher

from ipcm.bus import AnyBus, Bus, find_bus, spawn
from ipcm.errors import BusGone, IPCMError, NoSuchBus, UsageError
from ipcm.magics.asking import Pending
from ipcm.magics.background import Background, Interruptible, has_loop
from ipcm.magics.output import Screen, TextScreen
from ipcm.magics.services import Services
from ipcm.magics.watching import watch_blocking, watch_in_background

__all__ = ["Session"]

_INTERRUPTS: Final = (KeyboardInterrupt, asyncio.CancelledError)
"""How a cell ends that is interrupted; the second where it awaits something."""


class Session:
    """The current bus, and what cells have started.

    Args:
        shell: the InteractiveShell. screen: where results are shown.

    Attributes:
        services: those that cells have started.
        current: the bus that was attached, or spawned for the first service of a cell.
    """

    def __init__(self, shell: Any, screen: Screen) -> None:
        self.shell = shell
        self.screen = screen
        self.current: Bus | None = None
        self.services = Services(shell.user_ns)
        self._own: Bus | None = None
        self._pending: list[Pending] = []
        self._views: dict[str | None, Interruptible] = {}
        self._tending: Background | None = None
        self._notes: dict[str, Callable[[str], None]] = {}
        self._context = contextvars.copy_context()
        self._publisher = shell.display_pub

    # The bus

    def bus(self, named: AnyBus | None = None) -> AnyBus | None:
        """What `find_bus` is to be given: the bus that was named, else the current one.

        Raises:
            BusGone: the current one has ended; none is current then.
        """
        if named is not None or self.current is None:
            return named
        try:
            self.current.presence()
        except BusGone:
            name, self.current = self.current.name, None
            raise BusGone(
                f"the current bus {name!r} has ended: `%ipcm attach` makes another one current"
            ) from None
        return self.current

    def bus_for_service(self, named: AnyBus | None) -> Bus:
        """The bus that a service of a cell joins: one is spawned where there is none.

        Raises:
            ManyBuses, NoSuchBus, BusGone: it was named, or one would have to be.
        """
        try:
            return find_bus(self.bus(named))
        except NoSuchBus:
            if named is not None:
                raise
        except BusGone:
            if named is not None or self._own is None:
                raise
        self._own = self.current = spawn()
        return self._own

    def attach(self, named: str | None) -> Bus:
        """Makes a bus current; without a name the only live one."""
        self.current = None
        self.current = find_bus(named)
        return self.current

    def detach(self) -> Bus:
        """Makes no bus current; the bus is left alone."""
        if self.current is None:
            raise UsageError("no bus is current: `%ipcm attach BUS` makes one")
        bus, self.current = self.current, None
        return bus

    # Names of the user

    def bind(self, name: str, value: Any) -> None:
        """Gives a value a name in the user's namespace; raises UsageError where it is none."""
        self.check_name(name)
        self.shell.push({name: value})

    @staticmethod
    def check_name(name: str) -> None:
        """Raises UsageError where no variable can have the name."""
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"{name!r} is no name for a variable")

    def user_names(self) -> list[str]:
        """The names that the user has given, not those that IPython brings."""
        hidden = self.shell.user_ns_hidden
        return sorted(
            name for name in self.shell.user_ns if name not in hidden and not name.startswith("_")
        )

    # Requests that nobody waits for

    def keep(self, pending: Pending) -> None:
        """Remembers an open request, to close its connection at the end."""
        self._pending = [each for each in self._pending if not each.done()]
        self._pending.append(pending)

    # What goes on between cells

    def watch(self, bus: Bus, service: str | None, seconds: float | None) -> None:
        """Shows a live view; one of the same service, or bus, ends first.

        It goes on aside where there is an event loop, as in a kernel. On a terminal
        it takes the cell's time, until an interrupt; elsewhere too, for the seconds given.
        """
        self.unwatch(service)
        if isinstance(self.screen, TextScreen):
            with self.screen.refreshing() as lines:
                watch_blocking(bus, service, seconds if self.screen.live else seconds or 0.0, lines)
        elif has_loop():
            view = watch_in_background(bus, service, seconds, self._context_of_cell, self._update)
            self._views[service] = view
            view.start()
        else:
            watch_blocking(bus, service, seconds or 0.0, None)

    def unwatch(self, *services: str | None) -> int:
        """Ends the live views of these, or all; returns how many lived."""
        keys = services or tuple(self._views)
        living = 0
        for key, view in [(key, self._views[key]) for key in keys if key in self._views]:
            if not view.ended:
                living += 1
                view.stop()
            self._views.pop(key, None)  # only now: an interrupt leaves none that nobody can end
        return living

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """In the block no view moves: a fork copies the locks that one holds in a move."""
        with contextlib.ExitStack() as views:
            for view in self._views.values():
                views.enter_context(view.paused())
            yield

    def tend(self, name: str) -> None:
        """Sees to it that a service is started again when it dies, and this cell tells of it."""
        note = f"{name} is started again when it dies"
        self._notes[name] = self.screen.note(note, self._update)
        if self._tending is not None and not self._tending.ended:
            return

        def step() -> bool:
            self._tend()
            return any(each.plan.restart for each in self.services)

        # Without an event loop it has to wait for the next cell, see `after_cell`.
        if has_loop():
            self._tending = Background(step, self._context_of_cell)

    def _tend(self) -> None:
        for name, text in self.services.tend():
            self._notes.get(name, self.screen.tell)(text)

    def before_cell(self, info: object) -> None:
        """IPython's event `pre_run_cell`.

        What updates an output says for which cell's sake, and many front ends hear only what is
        said for the one that runs; which output it is for, it says by itself.
        """
        self._context = contextvars.copy_context()
        # A cell may capture what is displayed while it runs: that is its own, and nothing else.
        if not isinstance(self.shell.display_pub, CapturingDisplayPublisher):
            self._publisher = self.shell.display_pub

    def _update(self, id: str, bundle: dict[str, str]) -> None:
        self._publisher.publish(bundle, {}, transient={"display_id": id}, update=True)

    def _context_of_cell(self) -> contextvars.Context:
        # A copy: one may be entered only once, and a cell may be in it.
        return self._context.copy()

    def after_cell(self, result: Any) -> None:
        """IPython's event `post_run_cell`; after an interrupt of its own code without a result."""
        # One that comes between two statements is told as an error before the execution.
        if result is None or any(
            isinstance(error, _INTERRUPTS)
            for error in (result.error_before_exec, result.error_in_exec)
        ):
            self.unwatch()
        self.services.forget_ended()
        if self._tending is None:
            self._tend()

    def close(self) -> None:
        """Ends what cells have started."""
        self.unwatch()
        if self._tending is not None:
            self._tending.stop()
        for pending in self._pending:
            with contextlib.suppress(IPCMError):
                pending.close()
        self._pending.clear()
        kept = any(each.plan.keep for each in self.services)
        self.services.close()
        own, self._own = self._own, None
        if own is not None and not kept:  # else it ends with the last one that is
            own.shutdown()
