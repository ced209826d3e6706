"""Services that cells define: starting, replacing, ending them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ipcm
from ipcm._core.sourcecode import SourceNames, read_names
from ipcm.bus import Bus
from ipcm.errors import IPCMError, ServiceDied, UsageError
from ipcm.role.handle import Handle
from ipcm.role.source import GIVEN, SourceService, check_hooks

__all__ = ["CellService", "Plan", "Services", "check_source", "parse_capture"]

_DRAIN: Final = 5.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a service.

    Attributes:
        source: the cell. capture: names of the user's that travel with it.
        fork: the kernel itself forks, and all names of the user's are there.
        restart: it is started again when it dies. keep: it outlives the kernel.
        interval: seconds between interval callbacks; None for the default.
    """

    name: str
    source: str
    capture: tuple[str, ...] = ()
    fork: bool = False
    restart: bool = False
    keep: bool = False
    interval: float | None = None


@dataclass(slots=True)
class CellService:
    """A service that a cell has started.

    Attributes:
        handle: the one that ends it. variable: the user's name for it, or None.
        due: when it is started again, in seconds of the monotonic clock; None while it lives.
    """

    plan: Plan
    bus: Bus
    handle: Handle
    variable: str | None = None
    started: float = 0.0
    due: float | None = None
    pause: float = _FIRST_PAUSE


def check_source(plan: Plan, names: Mapping[str, Any]) -> SourceNames:
    """Makes sure, before anything starts, that a cell has what it uses.

    Args:
        names: the user's, as they are now.

    Raises:
        UsageError: it is no Python, uses what it does not have, or has a callback that is none.
    """
    if not plan.source.strip():
        raise UsageError("the cell is empty: under the line stands what the service does")
    try:
        found = read_names(plan.source, filename_of(plan.name))
    except SyntaxError as error:
        line = (error.text or "").rstrip()
        raise UsageError(
            f"line {error.lineno} of the cell below is no Python: {error.msg}\n  {line}"
        ) from None
    gone = [name for name in plan.capture if name not in names]
    if gone:
        raise UsageError(f"--capture {','.join(gone)}: there is no such name to capture")
    check_hooks(found.functions)
    has = {*GIVEN, *plan.capture, *(names if plan.fork else ())}
    missing = [name for name in found.missing if name not in has]
    there = [name for name in missing if name in names]
    nowhere = [name for name in missing if name not in names]
    problems = []
    if there:
        proposed = ",".join([*plan.capture, *there])
        problems.append(
            f"the cell uses {', '.join(there)}, which are names of the notebook and not of the "
            f"service: add --capture {proposed} to send them along (or --fork)"
        )
    if nowhere:
        problems.append(
            f"{', '.join(nowhere)}: defined nowhere, neither in the cell nor in the notebook"
        )
    if problems:
        raise UsageError("\n".join(problems))
    return found


def filename_of(name: str) -> str:
    """How tracebacks name the cell of a service."""
    return f"<%%ipcm service {name}>"


class Services:
    """The services that cells of this session have started, by name.

    Args:
        names: the user's namespace.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._services: dict[str, CellService] = {}

    def __iter__(self) -> Iterator[CellService]:
        return iter(self._services.values())

    def start(self, plan: Plan, bus: Bus, variable: str | None) -> CellService:
        """Starts a service, after the end of the one that a cell has started under its name.

        Raises:
            UsageError: see `check_source`. ServiceStartError, NameTaken.
        """
        check_source(plan, self._names)
        old = self._services.get(plan.name)
        if old is not None:
            if variable is None and self._is_named(old):
                variable = old.variable  # what names the old one is to name the new one
            old.handle.close(_DRAIN)  # an interrupt of this leaves it known: the next run goes on
            self._services.pop(plan.name, None)
        made = CellService(plan, bus, self._launch(plan, bus), variable, time.monotonic())
        self._services[plan.name] = made
        self._bind(made)
        return made

    def _launch(self, plan: Plan, bus: Bus) -> Handle:
        params: dict[str, Any] = {
            "source": plan.source,
            "filename": filename_of(plan.name),
            "given": {name: self._names[name] for name in plan.capture},
        }
        if plan.interval is not None:
            params["interval"] = plan.interval
        if plan.fork:
            params["namespace"] = self._names
        start = "fork" if plan.fork else "auto"
        handle: Handle = ipcm.service(
            plan.name,
            SourceService,
            bus=bus,
            start=start,
            output="bus",
            keep=plan.keep,
            **params,
        )
        return handle

    def _is_named(self, each: CellService) -> bool:
        """Whether its variable is still that: a cell may have given the name to something else."""
        return each.variable is not None and self._names.get(each.variable) is each.handle

    def _bind(self, made: CellService) -> None:
        if made.variable is not None:
            self._names[made.variable] = made.handle

    # Those that are to be started again

    def tend(self) -> list[tuple[str, str]]:
        """Starts again what has died and is to live; never waits for what is there.

        Returns:
            What happened, for the user: to which service, and what.
        """
        told: list[tuple[str, str]] = []
        for each in list(self._services.values()):
            if each.plan.restart:
                told += ((each.plan.name, text) for text in self._tend(each))
        return told

    def _tend(self, each: CellService) -> list[str]:
        now = time.monotonic()
        if each.due is None:
            if not each.handle.ended():
                return []
            try:
                each.handle.wait(_DRAIN)
            except ServiceDied as died:
                if now - each.started > _STEADY:
                    each.pause = _FIRST_PAUSE
                each.due = now + each.pause
                each.pause = min(each.pause * 2, _LONGEST_PAUSE)
                return [f"{str(died).splitlines()[0]} and is started again"]
            # It ended in order: somebody wanted that.
            self._services.pop(each.plan.name).handle.close(0.0)
            return []
        if now < each.due:
            return []
        with contextlib.suppress(IPCMError):
            each.handle.close(0.0)
        try:
            each.handle = self._launch(each.plan, each.bus)
        except IPCMError as error:
            each.due = now + each.pause
            each.pause = min(each.pause * 2, _LONGEST_PAUSE)
            return [f"{each.plan.name} could not be started again: {error}".splitlines()[0]]
        each.due, each.started = None, now
        self._bind(each)
        return []

    # Ends

    def forget_ended(self) -> None:
        """Closes the handles of services that have ended, but for those that the user has."""
        for name, each in list(self._services.items()):
            if not (self._is_named(each) or each.plan.restart) and each.handle.ended():
                self._services.pop(name).handle.close(0.0)

    def close(self) -> None:
        """Ends all but those that are to outlive the kernel."""
        services, self._services = list(self._services.values()), {}
        ending = [each for each in services if not each.plan.keep]
        for each in services:
            with contextlib.suppress(IPCMError):
                if each.plan.keep:
                    each.handle.detach()
                    each.handle.close()
        for each in ending:
            with contextlib.suppress(IPCMError):
                each.handle.terminate()  # all at once: then one waits for all
        for each in ending:
            with contextlib.suppress(IPCMError):
                each.handle.close(_DRAIN)


def parse_capture(text: str | None) -> tuple[str, ...]:
    """Names with commas between them; raises UsageError where one cannot be a name."""
    names: Sequence[str] = [] if text is None else [each.strip() for each in text.split(",")]
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"--capture takes names with commas between them, not {text!r}")
    return tuple(dict.fromkeys(names))
