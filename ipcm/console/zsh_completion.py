"""Completion in zsh, where click's own sets a space also behind what is to go on, as in `text=`."""

from __future__ import annotations

from typing import Any

from click.shell_completion import CompletionItem, ZshComplete, add_completion_class

from ipcm.console.whole_words import WholeWords

__all__ = ["install"]

_SOURCE = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a plain more response
    local kind value about
    (( $+commands[%(prog_name)s] )) || return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2> /dev/null)}")
    for kind value about in "${(@)response}"; do
        case $kind in
            dir) _path_files -/ ;;
            file) compset -P @; _path_files -f ;;
            more) more+=("$value:$about") ;;
            plain) plain+=("$value:$about") ;;
        esac
    done
    (( $#plain )) && _describe -V unsorted plain -U
    (( $#more )) && _describe -V unsorted-more more -U -S ''
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _Zsh(WholeWords, ZshComplete):
    source_template = _SOURCE

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Three lines: what it is, the value, and what there is to say about it."""
        kind = "more" if item.type == "plain" and item.more else item.type
        value = str(item.value).replace("\\", "\\\\").replace(":", "\\:")
        return f"{kind}\n{value}\n{item.help or ''}"


def install() -> None:
    """Makes it the completion of zsh."""
    add_completion_class(_Zsh, "zsh")
