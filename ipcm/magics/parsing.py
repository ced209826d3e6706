"""The grammar as click commands, with what a notebook wants otherwise than a command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ipcm.console.click_adapter import Common, make_command
from ipcm.console.render import FORMATS
from ipcm.console.verb import Verb
from ipcm.magics.verbs import Grammar

__all__ = ["MagicGroup", "command_of"]

Perform = Callable[[Verb, Common, dict[str, Any]], Any]
"""Runs a verb and shows its result; returns what the cell's value is to be."""

_OUT_HELP = f"A variable for the result; or how to show it: {', '.join(FORMATS)}."


class MagicGroup(click.Group):
    """All verbs of a notebook."""

    def __init__(self, grammar: Grammar, perform: Perform) -> None:
        params: list[click.Parameter] = [
            click.Option(["-b", "--bus"], metavar="BUS", help="The bus: name or info string."),
            click.Option(["-o", "--output"], metavar="NAME", help=_OUT_HELP),
        ]
        super().__init__(name="ipcm", params=params, callback=click.pass_context(_keep))
        self._grammar = grammar
        self._perform = perform

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        return list(self._grammar.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click."""
        if cmd_name not in self._grammar.names:
            return None
        return command_of(self._grammar.get(cmd_name), self._perform)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click; an unknown verb gets a suggestion."""
        if args and args[0] not in self._grammar.names and not args[0].startswith("-"):
            ctx.fail(f"no verb {args[0]!r}{self._grammar.suggest(args[0])}")
        return super().resolve_command(ctx, args)


def _keep(ctx: click.Context, bus: str | None, output: str | None) -> None:
    ctx.obj = Common(bus=bus, output=output)


def command_of(verb: Verb, perform: Perform) -> click.Command:
    """The command of a verb; its -o takes a variable too."""
    command = make_command(verb, perform)
    for at, param in enumerate(command.params):
        if param.name == "output":
            command.params[at] = click.Option(
                ["-o", "--output", "--out"], metavar="NAME", help=_OUT_HELP
            )
    return command
