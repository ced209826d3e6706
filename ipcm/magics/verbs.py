"""The verbs of a notebook: those of every surface, what it adds to some, and its own."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ipcm._core.names import check_name
from ipcm.client import DEFAULT_TIMEOUT
from ipcm.console.completion import Offer, complete_service
from ipcm.console.live import Live, read_description
from ipcm.console.payload import parse_arguments
from ipcm.console.registry import NAMES, get_verb
from ipcm.console.results import Finished, Result, Section, Value
from ipcm.console.results import Record as Shown
from ipcm.console.verb import Argument, Context, Option, Verb
from ipcm.errors import IPCMError, RemoteError, UsageError
from ipcm.magics.asking import Pending, payload_of
from ipcm.magics.failing import add_remote_traceback
from ipcm.magics.services import CellService, Plan, parse_capture
from ipcm.magics.session import Session
from ipcm.role.handle import attach

__all__ = ["CellContext", "Grammar"]

_PATIENCE = 10.0


@dataclasses.dataclass(slots=True)
class CellContext(Context):
    """What the magic gives to a verb, on top of what any surface does.

    Attributes:
        cell: the text under a cell magic; None for a line magic.
        variable: the name that the result will be bound to, or None.
    """

    cell: str | None = None
    variable: str | None = None


_NOBLOCK = Option(
    "noblock", ("-a", "--noblock"), "Do not wait: gives what to ask for the answer.", bool, False
)


_CAPTURE = Option(
    "capture", ("--capture",), "Names to send along, as in df,model.", metavar="NAMES"
)
_SERVICE_OPTIONS = (
    Option("fork", ("--fork",), "Fork the kernel: every name is there, uncopied.", bool, False),
    Option("restart", ("--restart",), "Start it again when it dies.", bool, False),
    Option("keep", ("--keep",), "Let it outlive the kernel.", bool, False),
    Option(
        "interval",
        ("--interval",),
        "Between two calls of on_interval.",
        float,
        minimum=0.001,
        metavar="SECONDS",
    ),
)


def _started(made: CellService) -> Shown:
    handle = made.handle
    pairs = [
        ("service", made.plan.name),
        ("bus", made.bus.name),
        ("pid", str(handle.service_pid)),
    ]
    about = None
    with contextlib.suppress(IPCMError):  # it is busy already
        about = read_description(handle.describe())
    pairs += [("endpoint", each.signature) for each in (about.endpoints if about else ())]
    return Shown(handle, [Section(pairs=pairs)])


_CURRENT = ("attach", "detach")


class Grammar:
    """The verbs by name.

    Args:
        session: whom the notebook's own verbs act on.
        tell_help: tells about a verb, or about all where it is None.

    Attributes:
        cells: the verbs that take a cell. cell_only: those that make no sense without one.
    """

    def __init__(
        self, session: Session, tell_help: Callable[[Verb | None], None] = lambda verb: None
    ) -> None:
        self._session = session
        self._tell_help = tell_help
        self._own: dict[str, Callable[[], Verb]] = {
            "watch": self._watch,
            "unwatch": self._unwatch,
            "service": self._service,
            "help": self._help,
        }
        self._changed: dict[str, Callable[[Verb], Verb]] = {
            "request": self._request,
            "call": self._call,
            "tail": self._limited,
            "logs": self._limited,
        }
        self.cells = frozenset(("request", "call", "service"))
        self.cell_only = frozenset(("service",))

    @property
    def names(self) -> tuple[str, ...]:
        """Every verb, in the order in which the help lists them."""
        # What takes the whole terminal, or runs until it is interrupted, is no cell's business.
        shared = [name for name in NAMES if get_verb(name).group != "Run"]
        return (*_CURRENT, *shared, *self._own)

    def get(self, name: str) -> Verb:
        """The verb of this name.

        Raises:
            UsageError: there is none; with the nearest.
        """
        if name in self._own:
            return self._own[name]()
        if name not in self.names:
            raise UsageError(f"no verb {name!r}{self.suggest(name)}")
        verb = get_verb(name)
        change = self._changed.get(name)
        return change(verb) if change else verb

    def suggest(self, name: str) -> str:
        """What may have been meant, to go behind an error."""
        if name in NAMES:
            return f" in a notebook: `ipcm {name}` is for a terminal"
        near = difflib.get_close_matches(name, self.names, 1)
        return f": did you mean {near[0]!r}?" if near else ""

    def __iter__(self) -> Iterator[Verb]:
        return (self.get(name) for name in self.names)

    # Its own

    def _watch(self) -> Verb:
        def run(context: CellContext, service: str | None, seconds: float | None) -> Result:
            self._session.watch(context.find_bus(), service, seconds)
            return Finished()

        return Verb(
            name="watch",
            summary="A live view: services, who comes and leaves, workers, signals, traffic",
            group="Look",
            run=run,
            result=None,
            arguments=(
                Argument(
                    "service",
                    "Only what concerns this one.",
                    required=False,
                    complete=complete_service,
                ),
            ),
            options=(
                Option("seconds", ("--for",), "Then stop.", float, minimum=0.0, metavar="SECONDS"),
            ),
            doc=(
                "The kernel goes on working, and so does the view, whatever cells do: it is "
                "refreshed at most twice a second, until an interrupt or %ipcm unwatch. Its last "
                "state stays."
            ),
            examples=(("", "the current bus"), ("store --for 30", "one service, half a minute")),
        )

    def _unwatch(self) -> Verb:
        def run(context: CellContext, service: str | None) -> Result:
            if not self._session.unwatch(*([] if service is None else [service])):
                context.narrate("nothing was watched")
            return Finished()

        return Verb(
            name="unwatch",
            summary="Stop live views; what they show stays",
            group="Look",
            run=run,
            result=None,
            arguments=(
                Argument(
                    "service",
                    "Only the view of this one.",
                    required=False,
                    complete=complete_service,
                ),
            ),
            examples=(("", "all of them"),),
            on_bus=False,
        )

    def _help(self) -> Verb:
        def complete_verb(live: Live, args: Mapping[str, Any], begin: str) -> list[Offer]:
            return [Offer(verb.name, verb.summary) for verb in self]

        def run(context: CellContext, verb: str | None) -> Result:
            self._tell_help(None if verb is None else self.get(verb))
            return Finished()

        shared = get_verb("help")
        argument = dataclasses.replace(shared.arguments[0], complete=complete_verb)
        return dataclasses.replace(shared, run=run, arguments=(argument,))

    def _service(self) -> Verb:
        def complete_name(live: Live, args: Mapping[str, Any], begin: str) -> list[Offer]:
            at = begin.rfind(",") + 1
            given = begin[:at].split(",")
            names = self._session.user_names()
            return [Offer(name, "of the notebook", at) for name in names if name not in given]

        def run(context: CellContext, name: str, **values: Any) -> Result:
            if context.cell is None:
                raise UsageError("a service is a cell: %%ipcm service, with what it does below")
            plan = Plan(
                name=check_name(name),
                source=context.cell,
                capture=parse_capture(values.pop("capture")),
                **values,
            )
            bus = self._session.bus_for_service(context.bus)
            with self._session.still() if plan.fork else contextlib.nullcontext():
                made = self._session.services.start(plan, bus, context.variable)
            if plan.restart:
                self._session.tend(name)
            return _started(made)

        return Verb(
            name="service",
            summary="Run the cell as a service",
            group="Run",
            run=run,
            result=object,
            arguments=(Argument("name", "Its name on the bus."),),
            options=(dataclasses.replace(_CAPTURE, complete=complete_name), *_SERVICE_OPTIONS),
            doc=(
                "Top-level functions marked with @endpoint, and those named handle_request or "
                "as a callback (on_start, on_interval, on_sig_hup, ...), become the service's; "
                "anything else is set-up, and runs in the service. Running the cell again "
                "replaces the service. Its output goes to a file: %ipcm logs NAME shows it."
            ),
            examples=(
                ("store", "on the current bus, or on a new one"),
                ("store --capture df,model -o store", "with two names of the notebook"),
                ("store --fork", "with all of them, without a copy"),
            ),
        )

    # Changed

    def _request(self, verb: Verb) -> Verb:
        def run(
            context: CellContext, peer: str, endpoint: str | None, json: str | None, noblock: bool
        ) -> Result:
            words = [word for word in (endpoint, json) if word is not None]
            return self._ask(context, peer, payload_of(words, context.cell), noblock, verb)

        return dataclasses.replace(
            verb,
            run=run,
            options=(*verb.options, _NOBLOCK),
            doc=(
                "The arguments, or the payload, may stand in the cell under %%ipcm request, as "
                "JSON or as a Python literal. JSON needs no quotes."
            ),
            examples=(
                ("store stats", "the endpoint `stats`, without arguments"),
                ('store search {"text": "fork"}', "with arguments"),
                ("store search -o found", "the answer becomes the variable `found`"),
                ("store search --noblock -o found", "`found.result()` waits for it"),
            ),
        )

    def _call(self, verb: Verb) -> Verb:
        def run(
            context: CellContext,
            service: str,
            endpoint: str,
            arguments: tuple[str, ...],
            noblock: bool,
        ) -> Result:
            args = parse_arguments(arguments)
            if context.cell and context.cell.strip():
                payload = payload_of([endpoint], context.cell)
                args = {**payload["args"], **args}
            return self._ask(context, service, {"endpoint": endpoint, "args": args}, noblock, verb)

        return dataclasses.replace(verb, run=run, options=(*verb.options, _NOBLOCK))

    def _ask(
        self, context: CellContext, peer: str, payload: Any, noblock: bool, verb: Verb
    ) -> Result:
        timeout = context.timeout or verb.timeout or DEFAULT_TIMEOUT
        handle = attach(peer, context.find_bus())
        if noblock:
            try:
                pending = Pending(handle, payload, timeout)
            except BaseException:
                handle.close()
                raise
            self._session.keep(pending)
            return Value(pending)
        with handle:
            try:
                return Value(handle.request(payload, timeout))
            except RemoteError as error:
                add_remote_traceback(error, handle)
                raise

    def _limited(self, verb: Verb) -> Verb:
        def run(context: Context, **values: Any) -> Result:
            endless = values.get("seconds") is None and values.get("count") is None
            endless = endless and values.get("follow", True)
            if endless and not context.terminal:
                values["seconds"] = _PATIENCE
                context.narrate(
                    f"for {_PATIENCE:g} s: -s says how long, and `%ipcm watch` does not block"
                )
            return verb.run(context, **values)

        return dataclasses.replace(verb, run=run)
