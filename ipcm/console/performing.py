"""Running a verb and showing its result; errors become a message and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ipcm.console.exits import Exit, exit_for, hint_for
from ipcm.console.render import Renderer
from ipcm.console.results import Result
from ipcm.console.verb import Context, Verb
from ipcm.console.waiting import OutputClosed
from ipcm.errors import IPCMError

__all__ = ["explain", "perform"]


def perform(
    verb: Verb,
    values: Mapping[str, Any],
    context: Context,
    renderer: Renderer,
    complain: Callable[[str], None],
    see: Callable[[Result], None] = lambda result: None,
) -> int:
    """Runs a verb, to the end of what it shows.

    Args:
        complain: tells the user what went wrong. see: is told the result before it is shown.

    Returns:
        The exit code.
    """
    try:
        result = verb.run(context, **values)
        see(result)
        return renderer.show(result)
    except OutputClosed:
        return Exit.OK
    except (IPCMError, OSError) as error:
        complain(explain(error))
        if hint := hint_for(error, context.call):
            context.narrate(hint)
        return exit_for(error)


def explain(error: BaseException) -> str:
    """What an error says, and what has been noted with it."""
    if isinstance(error, OSError) and not isinstance(error, IPCMError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{where}"
    return "\n".join([str(error), *getattr(error, "__notes__", ())])
