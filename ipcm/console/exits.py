"""Exit codes, and what to advise, from the error tree.

0 ok   1 service error   2 usage   3 bus or peer unreachable   4 time-out   5 partial
130 interrupt (another signal that ends a program: 128 and its number)
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from ipcm import errors
from ipcm.console.results import Failure
from ipcm.console.verb import Declined

__all__ = ["Exit", "exit_for", "exit_for_failures", "hint_for"]


class Exit(enum.IntEnum):
    """How a command ended."""

    OK = 0
    SERVICE_ERROR = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMEOUT = 4
    PARTIAL = 5
    INTERRUPTED = 130


# The first that fits counts: the more special ones come first.
_EXITS: tuple[tuple[type[BaseException], Exit], ...] = (
    (Declined, Exit.SERVICE_ERROR),
    (errors.UsageError, Exit.USAGE),
    # One has to be named: waiting, or starting another, helps nobody.
    (errors.ManyBuses, Exit.USAGE),
    (errors.BadBusInfo, Exit.USAGE),
    (errors.NameTaken, Exit.USAGE),
    (errors.BusError, Exit.UNREACHABLE),
    (errors.RequestTimeout, Exit.TIMEOUT),
    (errors.RemoteError, Exit.SERVICE_ERROR),
    (errors.ProtocolError, Exit.SERVICE_ERROR),
    (errors.PeerError, Exit.UNREACHABLE),
    (errors.Backpressure, Exit.UNREACHABLE),
    (errors.ServiceError, Exit.SERVICE_ERROR),
    (TimeoutError, Exit.TIMEOUT),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def exit_for(error: BaseException) -> int:
    """The exit code of a command that ended with this exception."""
    signal = getattr(error, "signal", None)
    if isinstance(error, KeyboardInterrupt) and isinstance(signal, int):
        return 128 + int(signal)
    for kind, code in _EXITS:
        if isinstance(error, kind):
            return code
    return Exit.SERVICE_ERROR


def exit_for_failures(failures: Sequence[Failure], done: int) -> int:
    """The exit code of a command that had several things to do.

    Args:
        done: how many worked out.

    Returns:
        0, 5 where some failed; where all did, what they have in common, else 5.
    """
    codes = {exit_for(failure.error) for failure in failures}
    if not codes:
        return Exit.OK
    return codes.pop() if not done and len(codes) == 1 else Exit.PARTIAL


def _is_hidden(error: errors.RemoteError) -> bool:
    """Whether the service keeps to itself what went wrong."""
    from ipcm.role.requests import GENERIC_ERROR  # much to load, and seldom needed

    return error.error == GENERIC_ERROR


def hint_for(error: BaseException, call: str = "ipcm ") -> str:
    """What the user can do about it, where the error does not say so itself; else "".

    Args:
        call: what one types before a verb, where it is shown.
    """
    match error:
        case errors.ServiceNameTaken():
            return f"`{call}terminate {error.name}` ends the one that has it"
        case errors.RequestTimeout():
            return f"`{call}ps` shows whether it is busy; --timeout gives it longer"
        case errors.NoSuchPeer() if not error.found:
            return f"`{call}ls` shows all buses"
        case errors.NoSuchPeer():
            import difflib  # seldom needed

            near = difflib.get_close_matches(error.peer, error.found, 1)
            return f"did you mean {near[0]!r}?" if near else ""
        case errors.RemoteError() if _is_hidden(error):
            import shlex  # seldom needed

            return f"`{call}info {shlex.quote(error.peer)}` shows its last errors"
        case errors.PeerGone():
            return f"`{call}ps` shows who is there"
        case errors.BusGone():
            return f"`{call}ls` shows the buses that run"
        case errors.Backpressure():
            return f"`{call}ps` shows whether it is busy"
        case _:
            return ""
