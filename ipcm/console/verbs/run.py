"""`run`: somebody's own service in the foreground."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator
from typing import Any

from ipcm._core.names import check_name
from ipcm._os.interrupt import Interrupted, deferred, shielded
from ipcm.bus import Bus, spawn
from ipcm.console.exits import Exit
from ipcm.console.loading import load_service_class
from ipcm.console.payload import parse_arguments
from ipcm.console.results import Finished
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.errors import InvalidName, IPCMError, NameTaken, ServiceDied, UsageError
from ipcm.role.foreground import run_in_foreground
from ipcm.role.role import ServiceRole
from ipcm.role.text import format_error, format_traceback

__all__ = ["VERB"]


def run(context: Context, target: str, parameters: tuple[str, ...], name: str | None) -> Finished:
    """See `VERB`."""
    maker = load_service_class(target)
    name = check_name(name if name is not None else maker.__name__.lower())
    params = parse_arguments(parameters)
    if taken := params.keys() & {"name", "ipcm_info", "pid"}:
        raise UsageError(f"{taken.pop()} is not for you to give here: see --name and --bus")
    _check_parameters(target, maker, params)
    with shielded(_home(context, name)) as bus:

        def tell() -> None:
            context.narrate(f"{name} runs on bus {bus.name} (pid {os.getpid()}); Ctrl-C ends it")

        try:
            # The service has its own way to end, in order, from here on.
            with deferred():
                ended = run_in_foreground(name, maker, bus, on_ready=tell, **params)
        except IPCMError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 (told, with its traceback)
            text = f"{name!r} ended by an exception: {format_error(error)}"
            raise ServiceDied(name, text, format_traceback(error)) from None
    if ended.signal is not None:
        raise Interrupted(ended.signal)
    if ended.value in (0, None):
        return Finished()
    context.narrate(f"{name} ended with {ended.value!r}")
    return Finished(Exit.SERVICE_ERROR)


def _check_parameters(target: str, maker: type[ServiceRole], params: dict[str, Any]) -> None:
    """Raises UsageError where its constructor wants others: that needs no traceback."""
    given = dict.fromkeys(("name", "ipcm_info", "pid", "watch_pids", "orig_io", *params))
    try:
        inspect.signature(maker.__init__).bind(None, **given)
    except TypeError as error:
        raise UsageError(f"the parameters of {target}: {error}") from None


@contextlib.contextmanager
def _home(context: Context, name: str) -> Iterator[Bus]:
    """The bus that was named, else one of its own, which ends with it."""
    if context.bus is not None or os.environ.get("IPCM_BUS"):
        yield context.find_bus()
        return
    try:
        bus = spawn(name)
    except (NameTaken, InvalidName):  # a service may be named as no bus may
        bus = spawn()
    with bus:
        yield bus


VERB = Verb(
    name="run",
    summary="Run a service of your own in the foreground",
    group="Run",
    run=run,
    result=None,
    arguments=(
        Argument("target", "MODULE:CLASS; the current directory is looked in first."),
        Argument(
            "parameters",
            "key=value for its constructor, as `ipcm call` reads them.",
            required=False,
            many=True,
        ),
    ),
    options=(
        Option("name", ("--name",), "Its name on the bus; else that of the class, in small."),
    ),
    doc=(
        "It runs in this process, on the bus that -b or IPCM_BUS names, else on one of its own. "
        "Ctrl-C ends it in order, a second one at once."
    ),
    examples=(
        ("mypackage.store:Store --name store", "on a bus of its own"),
        ("app:Worker --name w1 -b store interval=0.5", "on the bus `store`, with a parameter"),
    ),
)
