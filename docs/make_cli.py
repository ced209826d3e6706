"""Writes the reference part of cli.md from the definitions of the verbs: `python docs/make_cli.py`.

A test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from ipcm.console.common import options_of
from ipcm.console.registry import NAMES, get_verb
from ipcm.console.verb import Argument, Option, Verb

PAGE = Path(__file__).with_name("cli.md")
MARK = "<!-- From here on written by docs/make_cli.py. -->\n"


def page() -> str:
    """The whole page: what people wrote, and what follows from the verbs."""
    return PAGE.read_text().partition(MARK)[0] + MARK + reference()


def reference() -> str:
    """Every verb: usage, words, options, examples."""
    return "".join(f"\n{_section(get_verb(name))}" for name in NAMES)


def _section(verb: Verb) -> str:
    parts = [f"### {verb.name}", f"{verb.summary}.", f"```\n{_usage(verb)}\n```"]
    if verb.doc:
        parts.append(verb.doc)
    rows = [(f"`{each.name.upper()}`", each.help) for each in verb.arguments]
    rows += [(_flags(each), _help(each)) for each in options_of(verb)]
    parts.append(
        "\n".join(["| | |", "|---|---|", *(f"| {_cell(a)} | {_cell(b)} |" for a, b in rows)])
    )
    if verb.examples:
        lines = [
            f"$ ipcm {verb.name} {words}".rstrip() + f"  # {what}" for words, what in verb.examples
        ]
        parts.append("\n".join(["```console", *lines, "```"]))
    return "\n\n".join(parts) + "\n"


def _usage(verb: Verb) -> str:
    return " ".join(["ipcm", verb.name, *map(_word, verb.arguments), "[OPTIONS]"])


def _word(argument: Argument) -> str:
    name = argument.name.upper() + ("..." if argument.many else "")
    return name if argument.required else f"[{name}]"


def _flags(option: Option) -> str:
    flags = f"{', '.join(option.flags)} {option.placeholder}".rstrip()
    return f"`{flags}`"


def _help(option: Option) -> str:
    default = option.default if option.type is not bool else None
    return option.help + ("" if default is None else f" Default: {default}.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
