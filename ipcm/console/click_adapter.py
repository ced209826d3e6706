"""A click command for each verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ipcm.console.common import Common, options_of
from ipcm.console.completion import Offer
from ipcm.console.live import Live, OneLook
from ipcm.console.registry import NAMES, get_verb, suggest
from ipcm.console.verb import GROUPS, Argument, Completer, Option, Verb
from ipcm.errors import UsageError

__all__ = ["VerbGroup", "make_command", "make_option"]

Perform = Callable[[Verb, "Common", dict[str, Any]], int]
"""Runs a verb and shows its result; returns the exit code."""

Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem | str]]

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # no generic before click 8.4

_HELP = "help"


class VerbGroup(click.Group):
    """All verbs, each built when it is asked for; its help lists them under their headings."""

    def __init__(self, perform: Perform, **settings: Any) -> None:
        super().__init__(**settings)
        self._perform = perform

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        return [*NAMES, _HELP]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click."""
        if cmd_name == _HELP:
            return self._help_command()
        return make_command(get_verb(cmd_name), self._perform) if cmd_name in NAMES else None

    def _help_command(self) -> click.Command:
        def complete_verb(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
            return [Offer(name, get_verb(name).summary) for name in NAMES]

        def tell(verb: Verb, common: Common, values: dict[str, Any]) -> int:
            told = click.get_current_context().parent
            assert told is not None
            if values["verb"] is not None:
                name, command, _ = self.resolve_command(told, [values["verb"]])
                assert command is not None
                told = click.Context(command, told, name)
            click.echo(told.get_help())
            return 0

        shared = get_verb(_HELP)
        argument = replace(shared.arguments[0], complete=complete_verb)
        return make_command(replace(shared, result=None, arguments=(argument,)), tell)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click; an unknown verb gets a suggestion."""
        known = args[0] in (*NAMES, _HELP) or args[0].startswith("-")
        if not known and not ctx.resilient_parsing:  # else it is being completed
            ctx.fail(f"no verb {args[0]!r}{suggest(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        verbs = [get_verb(name) for name in NAMES]
        width = max(len(name) for name in NAMES)
        for group in GROUPS:
            with formatter.section(group):
                formatter.write_dl(
                    [(f"{v.name:<{width}}", v.summary) for v in verbs if v.group == group]
                )


def make_command(verb: Verb, perform: Perform) -> click.Command:
    """Builds the command of a verb."""

    def callback(**values: Any) -> int:
        ctx = click.get_current_context()
        outer: Common = ctx.obj if isinstance(ctx.obj, Common) else Common()
        bus, output = values.pop("bus", None), values.pop("output", None)
        # A name that is empty is one that was given, and that no bus has.
        common = Common(
            outer.bus if bus is None else bus,
            outer.output if output is None else output,
            values.pop("timeout", None),
            values.pop("yes", False),
        )
        return perform(verb, common, values)

    params: list[click.Parameter] = [_click_argument(each) for each in verb.arguments]
    params += [make_option(each) for each in options_of(verb)]
    return VerbCommand(verb, name=verb.name, params=params, callback=callback)


class VerbCommand(click.Command):
    """The help of a verb: what it does, its words, options and examples."""

    def __init__(self, verb: Verb, **settings: Any) -> None:
        text = f"{verb.summary}.\n\n{verb.doc}".strip()
        super().__init__(
            help=text,
            short_help=verb.summary,
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )
        self._verb = verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click; what is wrong is told as on every surface."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from ipcm.console.grammar import no_option  # most commands are right

            flags = [flag for param in self.get_params(ctx) for flag in param.opts]
            text = no_option(self._verb, error.option_name, flags)
            raise click.UsageError(text, ctx) from None
        except click.MissingParameter as error:
            for argument in self._verb.arguments:
                if error.param is not None and argument.name == error.param.name:
                    raise click.UsageError(argument.missing, ctx) from None
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        if self._verb.arguments:
            with formatter.section("Words"):
                formatter.write_dl(
                    [(each.name.upper(), each.help) for each in self._verb.arguments]
                )
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        if self._verb.examples:
            with formatter.section("Examples"):
                formatter.write_dl(
                    [
                        (f"ipcm {self.name} {args}".rstrip(), what)
                        for args, what in self._verb.examples
                    ],
                    col_max=48,
                )


def _click_argument(argument: Argument) -> click.Argument:
    return click.Argument(
        [argument.name],
        required=argument.required,
        nargs=-1 if argument.many else 1,
        metavar=argument.placeholder,
        shell_complete=_paths(argument, _completion(argument.complete)),
    )


def make_option(option: Option) -> click.Option:
    """Builds the option of a command."""
    if option.type is bool:
        return click.Option([*option.flags, option.name], is_flag=True, help=option.help)
    return click.Option(
        [*option.flags, option.name],
        type=_Value(option),
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
        metavar=option.placeholder,
        shell_complete=_completion(option.complete),
    )


class _Value(_ParamType):
    """The value of an option, as every surface reads it."""

    def __init__(self, option: Option) -> None:
        self.name = option.name
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click."""
        if not isinstance(value, str):
            return value  # a default
        from ipcm.console.grammar import convert  # most commands come without options

        try:
            return convert(self._option, value)
        except UsageError as error:
            raise click.UsageError(str(error), ctx) from None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """See click."""
        return [
            CompletionItem(choice)
            for choice in self._option.choices
            if choice.startswith(incomplete)
        ]


def _paths(argument: Argument, otherwise: Completion | None) -> Completion | None:
    """Has the shell complete what is a path."""

    def offer(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem | str]:
        if argument.directory:
            return [CompletionItem(incomplete, type="dir")]
        if argument.json and incomplete.startswith("@"):
            return [CompletionItem(incomplete, type="file")]
        return otherwise(ctx, param, incomplete) if otherwise else []

    return offer


def _completion(complete: Completer | None) -> Completion | None:
    if complete is None:
        return None

    def offer(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem | str]:
        args = ctx.params
        parent: Sequence[Any] = [
            args.get("bus"),
            *([ctx.parent.params.get("bus")] if ctx.parent else []),
        ]
        bus = next((each for each in parent if each is not None), None)
        offers = complete(OneLook(bus), args, incomplete)
        words = [(incomplete[: offer.at] + offer.text, offer) for offer in offers]
        # Where the shell completes nothing but what begins so.
        return [
            CompletionItem(word, help=offer.meta, more=offer.more)
            for word, offer in words
            if word.startswith(incomplete)
        ]

    return offer
