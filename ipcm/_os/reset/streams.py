"""New standard streams over 0, 1 and 2, and log handlers that write to them.

The inherited ones are left as they are: a flush would write the starter's text another time, and
a notebook's stream takes a lock and talks to a thread that is not here.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, Final

from ipcm._os.reset.relics import bury
from ipcm._os.stdio import open_stream

__all__ = ["renew_log_handlers", "renew_streams"]

_STREAMS: Final = ("stdin", "stdout", "stderr")
_THREADED: Final = ("zmq.", "ipykernel.")


def renew_streams() -> dict[int, str]:
    """Replaces sys.stdin and the others, those of the interpreter (`__stdin__`) too.

    Returns:
        What the old ones were: id to "stdin", "stdout" or "stderr".
    """
    old: dict[int, str] = {}
    for fd, name in enumerate(_STREAMS):
        try:
            new: Any = open_stream(fd)
        except OSError:  # it is closed
            new = None
        for place in (name, f"__{name}__"):
            stream = getattr(sys, place, None)
            if stream is not None:  # as one is that was closed when the program began
                bury(stream)
                old[id(stream)] = name
            setattr(sys, place, new)
    return old


def renew_log_handlers(old: dict[int, str]) -> None:
    """Handlers that wrote to an old stream write to the new one; a notebook's own are taken out.

    Those that write to a file get a stream of their own on it: another thread may have been in the
    middle of a write, and holds a lock of that stream for ever.

    Args:
        old: what `renew_streams` returned.
    """
    files: dict[int, io.TextIOWrapper] = {}
    for logger, handler in list(_handlers()):
        stream = getattr(handler, "stream", None)
        name = old.get(id(stream))
        if name is not None:
            # Not setStream, which flushes the old one.
            handler.stream = getattr(sys, name)
        elif type(stream) is io.TextIOWrapper:
            if id(stream) not in files:
                bury(stream)
                files[id(stream)] = _reopen(stream)
            handler.stream = files[id(stream)]
        elif type(handler).__module__.startswith(_THREADED):
            bury(handler)
            logger.handlers.remove(handler)


def _reopen(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Another stream on the same file; what waits in the old one is the starter's to write."""
    try:
        fd = stream.fileno()
        return open(fd, "w", encoding=stream.encoding, errors=stream.errors, closefd=False)
    except (OSError, ValueError):  # it is closed, or no file at all
        return stream


def _handlers() -> Iterator[tuple[Any, Any]]:
    logging = sys.modules.get("logging")
    if logging is None:
        return
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):  # a placeholder has none
            yield logger, handler
