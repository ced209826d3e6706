"""Secrets in what is typed, left out of what is kept of it.

By pattern, and so at best most of them: values of keys that sound like secrets, wherever a line
has keys; what follows "Bearer"; the password of a URL; tokens whose issuers give them a
recognizable beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ipcm.console.json_text import scan
from ipcm.console.words import Word, statements

__all__ = ["HIDDEN", "redact", "sounds_secret"]

HIDDEN: Final = "***"

_KEY: Final = re.compile(
    r"pass(?:word|wd|phrase|code)|(?<!com)(?<!by)pass$|pwd$|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential|authori[sz]ation|^auth$|bearer|cookie|session[_-]?id|^pin$",
    re.IGNORECASE,
)
_LOOSE: Final = re.compile(
    r"""(?ix)
    (?: (?:[\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credential)[\w-]*)
        ["']? \s* [:=]+ \s* ["']? | \b(?:bearer|basic)\s+ | --password[ =] )
    (?P<secret> [^\s"',{}\[\]]+ )
    """
)
_SHAPES: Final = (
    re.compile(r"://[^\s:/@]+:(?P<secret>[^\s/@]+)@"),
    re.compile(
        r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END[^-]*-----|$))", re.DOTALL
    ),
    re.compile(r"(?P<secret>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"),  # a JSON web token
    re.compile(
        r"(?P<secret>\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_)[\w-]{8,})"
    ),
    re.compile(r"(?P<secret>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"),
    re.compile(r"(?P<secret>\bAIza[\w-]{35})"),
)


def sounds_secret(key: str) -> bool:
    """Whether what has this name is likely a secret."""
    return _KEY.search(key) is not None


def redact(text: str, more: Iterable[re.Pattern[str]] = ()) -> str:
    """The text with *** in place of secrets.

    Args:
        more: further patterns; a group `secret` is what is hidden, else all that matches.
    """
    spans = list(_in_words(text))
    for pattern in (_LOOSE, *_SHAPES, *more):
        group = "secret" if "secret" in pattern.groupindex else 0
        spans += [found.span(group) for found in pattern.finditer(text)]
    pieces, done = [], 0
    for start, end in _merged(spans):
        pieces += [text[done:start], HIDDEN]
        done = end
    return "".join([*pieces, text[done:]])


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged


def _in_words(text: str) -> Iterator[tuple[int, int]]:
    """Values of secret keys, in words and in JSON, quotes and all that they hold included."""
    for line in statements(text):
        for number, word in enumerate(line.words):
            key, equals, value = word.value.partition("=")
            at = len(key) + 1 if equals else 0
            if equals and sounds_secret(key.strip(":-")):
                yield word.place(at - 1) + 1, word.end
            elif key.startswith("--") and sounds_secret(key) and number + 1 < len(line.words):
                following = line.words[number + 1]
                yield following.start, following.end
            elif "{" in value or "{" in key:
                yield from _in_json(word, at)


def _in_json(word: Word, at: int) -> Iterator[tuple[int, int]]:
    pieces, _ = scan(word.value[at:])
    for piece in pieces:
        secret = any(isinstance(step, str) and sounds_secret(step) for step in piece.path)
        if secret and piece.kind in ("string", "number", "constant"):
            inner = piece.kind == "string" and word.value[at + piece.start] == '"'
            start, end = at + piece.start, at + piece.end
            closed = inner and piece.end - piece.start > 1 and word.value[end - 1] == '"'
            yield word.place(start + inner), word.place(end - 1 if closed else end)
