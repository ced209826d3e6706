"""What is completed of `--option=value` is that whole word, which shells put in its place."""

from __future__ import annotations

from typing import Any

from click.shell_completion import CompletionItem, ShellComplete

__all__ = ["WholeWords"]


class WholeWords(ShellComplete):
    """Puts the option back before its value: click offers the value alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may come at the end of a line."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found
