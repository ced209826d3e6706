"""What `%ipcm?` and `%ipcm VERB?` say, from the definitions of the verbs."""

from __future__ import annotations

import re

import click

from ipcm.console.click_adapter import make_command
from ipcm.console.verb import Verb
from ipcm.magics.parsing import OUTPUT
from ipcm.magics.verbs import Grammar

__all__ = ["overview", "rewrite_help", "verb_help"]

_QUESTION = re.compile(r"\s*%{1,2}ipcm\s+(\w+)(?:\s[^?]*)?\?{1,2}\s*")
_FIRST = re.compile(r"\s*\?{1,2}\s*%{1,2}ipcm\s+(\w+)\s*")
_EXAMPLE = re.compile(r"^(\s+)ipcm ", re.MULTILINE)
_GROUPS = {"Look": "Look", "Ask": "Ask", "Act": "Act", "Run": "Run services"}


def rewrite_help(lines: list[str]) -> list[str]:
    """Makes `%ipcm VERB?` a line that IPython does not take for help on a Python name."""
    return [_rewritten(line) for line in lines]


def _rewritten(line: str) -> str:
    found = _QUESTION.fullmatch(line) or _FIRST.fullmatch(line)
    return f"%ipcm {found[1]} --help\n" if found else line


def overview(grammar: Grammar) -> str:
    """Every verb with its summary."""
    lines = ["Services on a private message bus: see them live, ask them, steer them.", ""]
    lines += ["    %ipcm VERB ...           %ipcm VERB? shows how", ""]
    verbs = list(grammar)
    width = max(len(verb.name) for verb in verbs)
    for group, heading in _GROUPS.items():
        found = [verb for verb in verbs if verb.group == group]
        if found:
            lines.append(f"{heading}:")
            lines += [f"    {verb.name:<{width}}  {verb.summary}" for verb in found]
    lines += ["", "Where one bus runs, it is the one meant; else %ipcm attach BUS, or -b BUS."]
    return "\n".join(lines)


def verb_help(grammar: Grammar, verb: Verb) -> str:
    """Words, options and examples of a verb."""
    command = make_command(verb, lambda *_: 0)
    for at, param in enumerate(command.params):
        if param.name == OUTPUT.name:
            command.params[at] = click.Option(
                [*OUTPUT.flags, OUTPUT.name], metavar=OUTPUT.metavar, help=OUTPUT.help
            )
    sign = "%%ipcm" if verb.name in grammar.cell_only else "%ipcm"
    context = click.Context(command, info_name=f"{sign} {verb.name}", max_content_width=100)
    return _EXAMPLE.sub(rf"\1{sign} ", command.get_help(context))
