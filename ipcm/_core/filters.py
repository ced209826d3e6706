"""What an observer wants to see: of which services, and of which kinds of events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final, TypeAlias, cast, get_args

from ipcm._core.observation import Event, PeerEvent
from ipcm.errors import UsageError

__all__ = ["EVENT_KINDS", "EventFilter", "Wanted", "kind_of", "matches"]

Wanted: TypeAlias = str | Iterable[str] | Callable[[Event], object] | None
"""Names or patterns of services (`*`, `?`, `[abc]`), one or several; or a function that is asked
about each event; or None for everything."""

_KINDS: Final[dict[type, str]] = {
    kind: cast("str", kind.__struct_config__.tag) for kind in get_args(Event)
}
EVENT_KINDS: Final = tuple(_KINDS.values())
"""What kinds of events there are, as `kind_of` names them."""

_is_pattern: Final = re.compile(r"[*?[]").search


def kind_of(event: Event) -> str:
    """The kind of an event: turn, message, peer, worker, signal, error or terminated."""
    return _KINDS[type(event)]


def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether a name is one of these, or fits one of them as a pattern."""
    # To make a pattern ready takes a hundred times as long as to see that it is none.
    return name in patterns or any(_is_pattern(p) and fnmatchcase(name, p) for p in patterns)


class EventFilter:
    """Which services and events are wanted.

    Args:
        wanted: see `Wanted`.
        events: kinds of events, one or several; None for all.

    Attributes:
        kinds: of the events, what services are asked for.
        patterns: names or patterns of the services.

    Raises:
        UsageError: there is no such kind, or `wanted` is none of these.
    """

    def __init__(self, wanted: Wanted = None, events: str | Iterable[str] | None = None) -> None:
        self._predicate = wanted if callable(wanted) else None
        names = ("*",) if wanted is None or callable(wanted) else _several(wanted)
        # No name has what cannot be encoded, as lone surrogates, which a terminal may bring.
        self.patterns = tuple(n for n in names if n == n.encode(errors="ignore").decode())
        self.kinds = EVENT_KINDS if events is None else _several(events)
        if unknown := set(self.kinds) - set(EVENT_KINDS):
            raise UsageError(
                f"there are no {', '.join(sorted(unknown))} events, only {', '.join(EVENT_KINDS)}"
            )

    def watches(self, service: str) -> bool:
        """Whether a service is wanted."""
        return matches(self.patterns, service)

    def passes(self, event: Event) -> bool:
        """Whether an event is wanted, that comes from a service that is."""
        if isinstance(event, PeerEvent) and not event.service and not self._tells_of(event):
            return False
        return self._predicate is None or bool(self._predicate(event))

    def _tells_of(self, event: PeerEvent) -> bool:
        """Whether the bus's own word, which no service was asked for, is wanted."""
        return "peer" in self.kinds and self.watches(event.peer)


def _several(names: str | Iterable[str]) -> tuple[str, ...]:
    if not isinstance(names, Iterable):
        raise UsageError(f"names are texts, one or several, and not {names!r:.100}")
    found = (names,) if isinstance(names, str) else tuple(names)
    if not all(isinstance(name, str) for name in found):
        raise UsageError(f"names are texts, and these are {found!r:.100}")
    return found
