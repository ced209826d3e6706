"""Standard input that is no terminal: one verb a line."""

from __future__ import annotations

from collections.abc import Iterable

from ipcm.console.words import lex, statements
from ipcm.shell.session import LEAVING, Session
from ipcm.shell.voice import ScriptVoice

__all__ = ["run_script"]


def run_script(session: Session, lines: Iterable[str], keep_going: bool = False) -> int:
    """Runs the lines of a script as they come.

    Args:
        keep_going: an error does not end it.

    Returns:
        The exit code of the first line that failed; 0 where none did.
    """
    first = 0
    text, number = "", 1
    for count, piece in enumerate(lines, 1):
        text += piece
        if lex(text).open:
            continue  # JSON or quotes go on in the next line
        if text.strip() in LEAVING:
            return first
        code = _run(session, text, number)
        first = first or code
        if code and not keep_going:
            return first
        text, number = "", count + 1
    return first or _run(session, text, number)


def _run(session: Session, text: str, number: int) -> int:
    if isinstance(session.voice, ScriptVoice):
        session.voice.where = f"line {number}: "
    for line in statements(text):
        if code := session.run(text, line):
            return code
    return 0
