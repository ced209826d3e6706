"""The signals that a service will count: held for it from the first moment of its process on."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from signal import Signals
from typing import TYPE_CHECKING, Any, Final

from ipcm._os.signal_names import parse_signal
from ipcm.errors import NoSuchSignal

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["grabbed_by", "grabbed_by_one_of"]

_UNCAUGHT: Final = frozenset({signal.SIGKILL, signal.SIGSTOP})
_UNTIL_KNOWN: Final = frozenset(Signals) - {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def grabbed_by(service: ServiceRole) -> frozenset[Signals]:
    """The signals that a service grabs, as far as it can tell before it runs."""
    try:
        return frozenset(service._ipcm_grabbed()) - _UNCAUGHT
    except Exception:  # noqa: BLE001 (it is asked again when it runs, and that tells)
        return frozenset()


def grabbed_by_one_of(
    maker: Callable[..., ServiceRole], params: dict[str, Any]
) -> frozenset[Signals]:
    """The signals that a service will grab which another process is going to make."""
    own = getattr(maker, "signals_to_grab", ())
    if isinstance(own, property):
        return _UNTIL_KNOWN
    return _known(
        [
            *_each(own),
            *_each(params.get("signals_to_grab")),
            *_each(getattr(maker, "on_sig", None)),
            *_each(params.get("on_sig")),
        ]
    )


def _known(names: Any) -> frozenset[Signals]:
    found: set[Signals] = set()
    for name in _each(names):
        with contextlib.suppress(NoSuchSignal):  # it is refused when the service runs
            found.add(parse_signal(name))
    return frozenset(found - _UNCAUGHT)


def _each(names: Any) -> Iterable[Any]:
    if isinstance(names, str | int):
        return (names,)
    return names if isinstance(names, Iterable) else ()
