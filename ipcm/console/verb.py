"""What a verb is, and what a surface gives it to run with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

from ipcm.bus import Bus, find_bus
from ipcm.console.checks import Fault
from ipcm.console.completion import Offer
from ipcm.console.live import Live
from ipcm.console.results import Result
from ipcm.errors import IPCMError, UsageError

__all__ = [
    "GROUPS",
    "Argument",
    "Checker",
    "Completer",
    "Context",
    "Declined",
    "Group",
    "Option",
    "Session",
    "Verb",
]

Group: TypeAlias = Literal["Look", "Ask", "Act", "Run"]
"""Under which heading a surface lists a verb."""

GROUPS: Final[tuple[Group, ...]] = get_args(Group)
"""The headings, in their order."""


class Declined(IPCMError):
    """Asked whether to go on, the user said no."""


class Session(Protocol):
    """A surface that has a current bus: the one meant where none is named."""

    def attach(self, bus: str | None) -> Bus:
        """Makes a bus the current one: by name or info string, or the only live one."""

    def detach(self) -> Bus:
        """Makes none the current one, and gives the one that was; UsageError where none was."""


@dataclass(slots=True)
class Context:
    """What a surface gives to a verb.

    Attributes:
        bus: what the user named: a bus, its name or info string; None for the only live one.
        timeout: seconds that the user allows, or None for the verb's own default.
        terminal: whether a person watches, and output can be refreshed in place.
        narrate: tells the user what is no data.
        ask: asks a yes-or-no question; None where nobody can be asked.
        sure: the user said beforehand that nothing needs confirming. cautious: also what ends
            but one service does.
        read_input: the bytes of standard input; None where the surface has none.
        output: descriptor of the output, so that endless verbs notice when its reader goes.
        session: the surface, where it has a current bus. read_only: it changes nothing.
        call: what one types before a verb there; hints name verbs so.
    """

    bus: Bus | str | None = None
    timeout: float | None = None
    terminal: bool = False
    narrate: Callable[[str], None] = lambda text: None
    ask: Callable[[str], bool] | None = None
    sure: bool = False
    cautious: bool = False
    read_input: Callable[[], bytes] | None = None
    output: int | None = None
    session: Session | None = None
    read_only: bool = False
    call: str = "ipcm "

    def find_bus(self) -> Bus:
        """The bus meant; raises NoSuchBus, ManyBuses, BadBusInfo, BusGone."""
        return find_bus(self.bus)

    def confirm(self, what: str) -> None:
        """Goes on only if the user wants it.

        Args:
            what: what is about to happen, as in "kill probe, store".

        Raises:
            Declined: the user said no. UsageError: nobody can be asked, and -y was not given.
        """
        if self.sure:
            return
        if self.ask is None:
            raise UsageError(f"to {what} needs a yes: -y says it beforehand")
        if not self.ask(f"{what[:1].upper()}{what[1:]}?"):
            raise Declined("nothing was done")


Checker: TypeAlias = Callable[[Live, Mapping[str, Any]], Iterable[Fault]]
"""Says what is wrong with the parameters of a verb, before it runs."""

Completer: TypeAlias = Callable[[Live, Mapping[str, Any], str], Iterable[Offer]]
"""Offers values: given what is live, the arguments so far, and how the value begins.

What does not go with the beginning is for the surface to leave out.
"""


@dataclass(frozen=True, slots=True)
class Argument:
    """A word by position.

    Attributes:
        name: the keyword that `run` gets it by; shown in capitals.
        many: any number of words; `run` gets a tuple.
        json: it may be JSON, and what stands for a value is put in as such.
        directory: it is the path of one.
    """

    name: str
    help: str
    required: bool = True
    many: bool = False
    json: bool = False
    directory: bool = False
    complete: Completer | None = None

    @property
    def placeholder(self) -> str:
        """What stands for it in the usage."""
        name = self.name.upper() + ("..." if self.many else "")
        return name if self.required else f"[{name}]"

    @property
    def missing(self) -> str:
        """What is said where it should stand and does not."""
        return f"{self.name.upper()} is missing: {self.help}"


@dataclass(frozen=True, slots=True)
class Option:
    """A value or switch by name.

    Attributes:
        name: the keyword that `run` gets it by.
        flags: as typed: ("-n", "--count").
        type: bool makes a switch.
        minimum: the smallest value, for numbers. choices: the only values.
        metavar: what stands for the value in the help.
        check: says where in a text something is wrong, and what; None where nothing is.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    type: type[str] | type[int] | type[float] | type[bool] = str
    default: Any = None
    minimum: float | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    complete: Completer | None = None
    check: Callable[[str], tuple[int, str] | None] | None = None

    @property
    def placeholder(self) -> str:
        """What stands for the value in the help; "" for a switch."""
        if self.type is bool:
            return ""
        return self.metavar or "|".join(self.choices) or self.name.upper()


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that a user can say, on any surface.

    Attributes:
        name: the word. summary: one line, without a full stop.
        run: takes a Context and the parameters by keyword.
        result: type of the rows or of the value that it gives, for those who want data; None
            for a verb that shows something itself.
        doc: paragraphs for the help. examples: (arguments, what it does).
        destructive: it ends something, and takes -y.
        on_bus: it acts on one bus, and takes -b.
        looks: it changes nothing, or can be told so by its context, and so runs where nothing may
            be changed; None for what its group says: those that look do.
        timeout: default of --timeout, in seconds; None for a verb that has no such option.
        check: finds what is wrong as one types; None where the words say it all.
        format: the output format where none is asked for.
    """

    name: str
    summary: str
    group: Group
    run: Callable[..., Result]
    result: Any
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    doc: str = ""
    examples: tuple[tuple[str, str], ...] = field(default=())
    destructive: bool = False
    on_bus: bool = True
    looks: bool | None = None
    timeout: float | None = None
    check: Checker | None = None
    format: Literal["table", "json"] = "table"

    @property
    def harmless(self) -> bool:
        """Whether it runs where nothing may be changed."""
        return self.group == "Look" if self.looks is None else self.looks
