"""What the keys of the prompt do."""

from __future__ import annotations

from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_mode, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

__all__ = ["Actions", "make_bindings"]


class Actions(Protocol):
    """What keys act on."""

    def cycle_format(self) -> None: ...

    def toggle_following(self) -> None: ...

    def toggle_vi(self) -> None: ...

    def is_open(self, text: str) -> bool: ...


def make_bindings(actions: Actions) -> KeyBindings:
    """F2 format, F3 traffic, F4 keys; Enter, Tab."""
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)
    finished = Condition(lambda: not actions.is_open(get_app().current_buffer.text))

    @bindings.add("f2")
    def _(event: KeyPressEvent) -> None:
        actions.cycle_format()

    @bindings.add("f3")
    def _(event: KeyPressEvent) -> None:
        actions.toggle_following()

    @bindings.add("f4")
    def _(event: KeyPressEvent) -> None:
        actions.toggle_vi()

    @bindings.add("enter", filter=typing & finished)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    # Not in vi mode, where Escape and Enter are two keys.
    @bindings.add("escape", "enter", filter=typing & emacs_mode)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add("tab", filter=typing)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.complete_index is not None:
            buffer.complete_next()
            return
        wanted = CompleteEvent(completion_requested=True)
        completer = buffer.completer
        found = list(completer.get_completions(buffer.document, wanted))
        if len(found) == 1:
            buffer.cancel_completion()
            buffer.apply_completion(found[0])
        elif state is not None:
            buffer.complete_next()
        elif found:
            buffer.start_completion(insert_common_part=True)

    return bindings
