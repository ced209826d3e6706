"""What one turn of a service's loop saw (seed: ACTIVITY HASH)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from ipcm.message import Message

if TYPE_CHECKING:
    from signal import Signals

__all__ = ["Activity", "begin_activity"]

_NONE: Final[frozenset[str]] = frozenset()


@dataclasses.dataclass(slots=True, init=False)
class Activity:
    """What happened in one turn of a service; false where nothing did.

    Attributes:
        interval: the interval has passed since the last turn that had it.
        messages: what came in, in order per sender.
        peer_delta: peer name to +1 (came) or -1 (left).
        pid_watch: a watched process ended.
        pids: reaped children that were no workers, pid to exit (code, or -signal).
        sigs: signals grabbed, each with the number of deliveries since the last turn.
        terminated: the termination value, once there is one.
    """

    interval: bool = False
    messages: list[Message] = dataclasses.field(default_factory=list)
    peer_delta: dict[str, int] = dataclasses.field(default_factory=dict)
    pid_watch: bool = False
    pids: dict[int, int] = dataclasses.field(default_factory=dict)
    sigs: dict[Signals, int] = dataclasses.field(default_factory=dict)
    terminated: Any = None
    _handled: frozenset[str] = dataclasses.field(default=frozenset(), repr=False, compare=False)

    def __init__(
        self,
        interval: bool = False,
        messages: list[Message] | None = None,
        peer_delta: dict[str, int] | None = None,
        pid_watch: bool = False,
        pids: dict[int, int] | None = None,
        sigs: dict[Signals, int] | None = None,
        terminated: Any = None,
    ) -> None:
        # By hand: a turn makes one, and five default factories take longer than the rest of it.
        self.interval = interval
        self.messages = [] if messages is None else messages
        self.peer_delta = {} if peer_delta is None else peer_delta
        self.pid_watch = pid_watch
        self.pids = {} if pids is None else pids
        self.sigs = {} if sigs is None else sigs
        self.terminated = terminated
        self._handled = _NONE

    def __bool__(self) -> bool:
        return bool(
            self.messages
            or self.interval
            or self.peer_delta
            or self.pid_watch
            or self.pids
            or self.sigs
            or self.terminated is not None
        )

    def mark_handled(self, *fields: str) -> None:
        """Notes that these parts were taken care of."""
        self._handled |= frozenset(fields)

    def unhandled(self) -> list[str]:
        """Names the parts that something is in and nobody took care of."""
        parts = _parts.get(type(self))
        if parts is None:  # a subclass may have more of them
            names = [each.name for each in dataclasses.fields(self) if each.name != "_handled"]
            parts = _parts[type(self)] = dict.fromkeys(names)
        if self._handled >= parts.keys():
            return []
        return [
            name
            for name in parts
            if name not in self._handled
            and (self.terminated is not None if name == "terminated" else getattr(self, name))
        ]


_parts: dict[type, dict[str, None]] = {}
"""Names of the fields that something may be in, per class."""


def begin_activity(messages: list[Message]) -> Activity:
    """As `Activity(messages=messages)`, in a third of its time: a turn makes one."""
    activity = _new(Activity)
    activity.interval = activity.pid_watch = False
    activity.messages = messages
    activity.peer_delta, activity.pids, activity.sigs = {}, {}, {}
    activity.terminated = None
    activity._handled = _NONE
    return activity


_new: Final = object.__new__
