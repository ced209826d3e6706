"""What every verb takes beside its own words and options."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ipcm.console.completion import complete_bus
from ipcm.console.render import FORMATS
from ipcm.console.verb import Option, Verb

__all__ = ["COMMON", "Common", "leading_options", "options_of"]

_BUS = Option(
    "bus", ("-b", "--bus"), "The bus: name or info string.", metavar="BUS", complete=complete_bus
)
_OUTPUT = Option("output", ("-o", "--output"), "How to show it.", choices=FORMATS)
_YES = Option("yes", ("-y", "--yes"), "Do not ask.", bool, False)

COMMON = ("bus", "output", "timeout", "yes")
"""Names of the options that are the surface's, and not the verb's."""


@dataclass(frozen=True, slots=True)
class Common:
    """Which bus, output format, time-out, and whether to ask."""

    bus: str | None = None
    output: str | None = None
    timeout: float | None = None
    yes: bool = False


def leading_options(output: Option | None = None) -> list[Option]:
    """The options that may stand before the verb as well as behind it; see `options_of`."""
    return [_BUS, output or _OUTPUT]


def options_of(
    verb: Verb, asking: Collection[str] = (), output: Option | None = None
) -> list[Option]:
    """The options of a verb: its own, and those that it takes with others.

    Args:
        asking: names of further verbs that the surface asks about, which so take -y.
        output: what the surface has in place of -o, which else says how to show the result.
    """
    options = list(verb.options)
    if verb.on_bus:
        options.append(_BUS)
    if verb.result is not None:
        text = f"How to show it; {verb.format} where it is left out."
        options.append(output or replace(_OUTPUT, help=text))
    if verb.timeout is not None:
        options.append(
            Option(
                "timeout",
                ("--timeout",),
                f"To wait at most; {verb.timeout:g} where it is left out.",
                float,
                minimum=0.001,
                metavar="SECONDS",
            )
        )
    if verb.destructive or verb.name in asking:
        options.append(_YES)
    return options
