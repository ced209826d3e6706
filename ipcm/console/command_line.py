"""One run of the command line: its streams, its errors, its exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, cast

import click

from ipcm import __version__
from ipcm._os.interrupt import Interrupted, interruptible
from ipcm._os.streams import open_missing_streams
from ipcm.console.click_adapter import VerbGroup, make_option
from ipcm.console.common import Common, leading_options
from ipcm.console.exits import Exit, exit_for
from ipcm.console.performing import explain, perform
from ipcm.console.render import Format, Output, PlainOutput, Renderer
from ipcm.console.results import Frames, Record, Result
from ipcm.console.streams import ask, tell, write
from ipcm.console.verb import Context, Verb
from ipcm.console.waiting import unwritable

__all__ = ["run_command"]

_HELP = """Services on a private message bus: see them live, ask them, steer them.

Where one bus runs, it is the one meant; else name it with -b, or in IPCM_BUS.
`ipcm help VERB` tells more of one.
"""
_EXAMPLES = (
    ("ipcm demo", "a small real system to look at"),
    ("ipcm ps", "who is on the bus, and how they do"),
    ("ipcm tail", "what they say to each other"),
    ("ipcm call store search text=fork", "ask one of them"),
)
_COMPLETING = "_IPCM_COMPLETE"
_CODES = (
    "Exit codes: 0 ok, 1 service error, 2 usage, 3 bus or peer unreachable, 4 no answer in "
    "time, 5 partial, 130 interrupt."
)


class _Group(VerbGroup):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write_dl(_EXAMPLES, col_max=40)
        formatter.write_paragraph()
        formatter.write_text(_CODES)


def run_command(arguments: list[str], last: bool = False) -> int:
    """Runs one command; see `ipcm.cli.main`.

    Args:
        last: the process ends then.
    """
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names of files may be no text at all, and terminals may lack characters.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with interruptible(last):
            return _finish(_parse_and_perform(arguments))
    except Interrupted as interrupt:
        return _finish(exit_for(interrupt))


def _finish(code: int) -> int:
    """Gets rid of what is still buffered; a reader that has gone is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.close()
    except OSError as error:
        _complain(explain(unwritable(error)))
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return code or Exit.SERVICE_ERROR
    except ValueError:
        pass  # closed already: somebody who has gone does not read
    return code


def _parse_and_perform(arguments: list[str]) -> int:
    group = _make_group()
    if _COMPLETING in os.environ:
        from ipcm.console import bash_completion, fish_completion, zsh_completion

        bash_completion.install()
        fish_completion.install()
        zsh_completion.install()
        group.main(arguments, "ipcm", complete_var=_COMPLETING)
    try:
        # Not group.main(), which has ideas of its own about interrupts and broken pipes.
        with group.make_context("ipcm", arguments) as context:
            code = group.invoke(context)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        _complain(error.format_message())
        if where is not None:
            tell(f"`{where.command_path} --help` shows how")
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except BrokenPipeError:
        return Exit.OK
    except OSError as error:
        # Of a help text: what goes wrong in a verb is told by then.
        _complain(explain(unwritable(error)))
        return Exit.SERVICE_ERROR
    return code if isinstance(code, int) else Exit.OK


def _make_group() -> click.Group:
    def keep(ctx: click.Context, bus: str | None, output: str | None, version: bool) -> None:
        ctx.obj = Common(bus=bus, output=output)

    group = _Group(
        _perform,
        name="ipcm",
        help=_HELP,
        subcommand_metavar="VERB ...",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        params=[
            *map(make_option, leading_options()),
            click.Option(
                ["--version"], is_flag=True, is_eager=True, expose_value=True,
                callback=_show_version, help="Show the version.",
            ),
        ],
    )  # fmt: skip
    group.callback = click.pass_context(keep)
    return group


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value and not ctx.resilient_parsing:
        click.echo(f"ipcm {__version__}")
        ctx.exit()
    return value


def _perform(verb: Verb, common: Common, values: dict[str, Any]) -> int:
    """Runs a verb on the streams of this process."""
    on_terminal = sys.stdout.isatty()
    format = cast("Format", common.output or verb.format)
    if format != "table" and isinstance(sys.stdout, io.TextIOWrapper):
        # For programs it is UTF-8 wherever it comes from (RFC 8259): an escape of a terminal that
        # lacks a character would be no JSON.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    context = Context(
        bus=common.bus,
        timeout=common.timeout,
        terminal=on_terminal and sys.stdin.isatty() and format == "table",
        narrate=tell,
        ask=ask if sys.stdin.isatty() and sys.stderr.isatty() else None,
        sure=common.yes,
        read_input=sys.stdin.buffer.read,
        output=_descriptor(),
    )
    renderer = Renderer(_make_output(on_terminal), format, tell, indent=on_terminal)
    refreshed = False

    def see(result: Result) -> None:
        nonlocal refreshed
        refreshed = isinstance(result, Frames)
        if isinstance(result, Record) and result.interrupted:
            _leave_line(result.interrupted)

    try:
        return perform(verb, values, context, renderer, _complain, see)
    except KeyboardInterrupt as interrupt:
        if not refreshed:  # else that has been seen to
            _leave_line(interrupt)
        raise


def _leave_line(interrupt: KeyboardInterrupt) -> None:
    """What follows goes below the ^C of a terminal."""
    if exit_for(interrupt) == Exit.INTERRUPTED and sys.stderr.isatty():
        tell("")


def _make_output(on_terminal: bool) -> Output:
    if on_terminal:
        from ipcm.console.terminal import TerminalOutput

        return TerminalOutput(sys.stdout)
    return PlainOutput(write)


def _descriptor() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return sys.stdout.fileno()
    return None


def _complain(text: str) -> None:
    tell(f"ipcm: {text}")
