"""Completion in bash, where click's own has gaps.

It goes by the line rather than by the words that bash makes of it, which ends words at `=`, `:` and
`@`; quotes what has spaces and the like; and sets no space behind what is to go on.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from ipcm.console.whole_words import WholeWords

__all__ = ["install"]

_SOURCE = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS= read -r value; do
        kind=${value%%%%,*} value=${value#*,}
        case $kind in
            dir) compopt -o dirnames ;;
            file)
                while read -r value; do
                    [[ -d $value ]] && value+=/ && compopt -o nospace
                    COMPREPLY+=("@$(printf %%q "$value")")
                done < <(compgen -f -- "${2#@}") ;;
            more) compopt -o nospace; COMPREPLY+=("$value") ;;
            *) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" \\
        %(complete_var)s=bash_complete "$1" 2> /dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_SPECIAL = re.compile(r"[\s\\'\"$`!&|;<>(){}\[\]*?#~^]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]")


class _Bash(WholeWords, BashComplete):
    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is being typed, and that."""
        words, self._quoted = _split(os.environ["COMP_LINE"])
        self._typed = words[-1]
        self._word = os.environ["COMP_WORD"]
        if not self._quoted:
            self._word = _split(self._word)[0][-1]
        return words[1:-1], self._typed

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """One line of what the function of bash reads."""
        if item.type != "plain":
            return f"{item.type},"
        text = str(item.value)
        if not text.startswith(self._typed) or _UNWRITABLE.search(text):
            return ","
        # Bash keeps what is before the word that it sees.
        text = text[len(self._typed) - len(self._word) :]
        if not self._quoted:
            text = _SPECIAL.sub(r"\\\g<0>", text)
        return f"{'more' if item.more else 'plain'},{text}"


def _split(line: str) -> tuple[list[str], bool]:
    """The words of a line that is being typed, the last of them maybe empty; and whether that is
    within quotes.
    """
    lexer = shlex.shlex(f"{line}x", posix=True)  # a letter, so that there is a last word
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    quoted = False
    try:
        words.extend(lexer)
    except ValueError:
        quoted = True
        words.append(lexer.token)
    words[-1] = words[-1].removesuffix("x")
    return words, quoted


def install() -> None:
    """Makes it the completion of bash."""
    add_completion_class(_Bash, "bash")
