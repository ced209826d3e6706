"""Completion in fish, where click's own loses what stands behind a second comma."""

from __future__ import annotations

from click.shell_completion import FishComplete, add_completion_class

from ipcm.console.whole_words import WholeWords

__all__ = ["install"]


class _Fish(WholeWords, FishComplete):
    # Values such as {"a": 1, "b": 2}, and descriptions, have commas of their own.
    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )


def install() -> None:
    """Makes it the completion of fish."""
    add_completion_class(_Fish, "fish")
