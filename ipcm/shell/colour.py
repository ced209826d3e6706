"""Colours of what is typed: what each word is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ipcm.console.json_text import scan
from ipcm.console.statement import Statement
from ipcm.console.words import Problem, Word

__all__ = ["STYLE", "paint"]

STYLE: Final = {
    "prompt": "bold ansicyan",
    "prompt.gone": "bold ansired",
    "verb": "bold",
    "verb.destructive": "bold ansired",
    "option": "ansicyan",
    "value": "ansigreen",
    "name": "ansicyan",
    "parameter": "ansiblue",
    "json.key": "ansiblue",
    "json.string": "ansigreen",
    "json.number": "ansimagenta",
    "json.constant": "ansimagenta",
    "json.reference": "bold ansiyellow",
    "json.bracket": "",
    "json.mark": "",
    "reference": "bold ansiyellow",
    "pipe": "ansiyellow",
    "comment": "italic ansibrightblack",
    "wrong": "underline ansired",
    "doubt": "underline ansiyellow",
    # What stands under the prompt. Reversed, a colour lies behind its text, which is read on any
    # of them; on a grey of the terminal's own one may not see it.
    "bar": "reverse",
    "bar.name": "bold",
    "bar.good": "ansigreen",
    "bar.bad": "ansired",
    "bar.key": "ansicyan",
    "bar.faint": "",
    "hint": "ansibrightblack",
    "hint.wrong": "ansired",
    "hint.doubt": "ansiyellow",
    # Traffic above it.
    "heading": "bold",
    "good": "ansigreen",
    "bad": "ansired",
    "loud": "bold ansiyellow",
    "faint": "ansibrightblack",
    "in": "ansiblue",
    "out": "ansimagenta",
}
"""Style classes of prompt_toolkit; ansi colours are those that the user's terminal has."""


def paint(text: str, statements: Iterable[tuple[Statement, list[Problem]]]) -> list[str]:
    """A style class for every character of a text.

    Args:
        statements: those of the text, each with what is wrong with it.
    """
    styles = [""] * len(text)

    def colour(start: int, end: int, style: str) -> None:
        styles[start:end] = [style] * (min(end, len(text)) - start)

    for statement, problems in statements:
        line = statement.line
        for at in (line.pipe_at, line.target_at):
            if at is not None:
                colour(at, line.end, "pipe")
        if line.comment is not None:
            colour(line.comment, line.end, "comment")
        if statement.verb is not None and statement.name is not None:
            destructive = ".destructive" if statement.verb.destructive else ""
            colour(statement.name.start, statement.name.end, f"verb{destructive}")
        for slot in statement.reading.slots if statement.reading is not None else ():
            word = slot.word
            if slot.role in ("flag", "end"):
                colour(word.start, word.end, "option")
            elif slot.role == "value":
                colour(word.start, word.place(slot.at) if slot.at else word.start, "option")
                colour(word.place(slot.at) if slot.at else word.start, word.end, "value")
            else:
                _paint_word(word, styles)
        for problem in problems:
            if problem.kind in ("wrong", "doubt"):
                colour(problem.start, problem.end, problem.kind)
    return styles


def _paint_word(word: Word, styles: list[str]) -> None:
    def colour(start: int, end: int, style: str) -> None:
        for place in word.places[start:end]:
            styles[place] = style

    key, equals, value = word.value.partition("=")
    at = len(key) + 1 if equals and key.removesuffix(":").isidentifier() else 0
    if at:
        colour(0, at, "parameter")
        colour(at, len(word.value), "value")
    body = value if at else word.value
    if body[:1] in ("{", "[", '"'):
        for piece in scan(body)[0]:
            colour(at + piece.start, at + piece.end, f"json.{piece.kind}")
    for reference in word.references:
        colour(reference.start, reference.end, "reference")
