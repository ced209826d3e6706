"""Keys that come faster than they are handled: each goes where those before it have led.

Textual hands a key to what has the focus when it comes. A key that opens a prompt is handled a
moment later, and what was typed right behind it, or pasted, would go to the list below.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.widgets import Input, TextArea

__all__ = ["TypeAheadApp"]

_ROUNDS: Final = 3
"""How often what a key set off may pass on a message before the next key is handed out."""

_LOOK: Final = 0.1
"""Seconds between two looks at whether a key is still under way."""

_LOOKS: Final = 20
"""After so many the next key is handed out in any case; after two, if who had the one before is
gone. Looks, and no time: where the machine stood still, nothing was handled either.
"""

_PROMPTS: Final = {"/": "slash", ":": "colon"}


class _Passed(Message):
    """Follows a key on its way up: where it arrives, the key has been handled.

    Attributes: key: the number of the key. rounds: how often it is still sent around.
    """

    verbose: ClassVar[bool] = True

    def __init__(self, key: int, rounds: int) -> None:
        super().__init__()
        self.key = key
        self.rounds = rounds


class TypeAheadApp(App[int]):
    """Hands out one key at a time, and to what has the focus by then."""

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[events.Key | events.Paste] = deque()
        self._handed = 0
        self._under_way = False
        self._aim: DOMNode | None = None
        self._carrier: DOMNode | None = None

    async def on_event(self, event: events.Event) -> None:
        """See the class."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._under_way:
            self._held.append(event)
        else:
            await self._hand_out(event)

    async def _hand_out(self, event: events.Key | events.Paste) -> None:
        if isinstance(event, events.Paste) and not isinstance(self.focused, Input | TextArea):
            text = event.text
            if key := _PROMPTS.get(text[:1]):
                # Nothing but a prompt is opened by what somebody pasted.
                self._held.appendleft(events.Paste(text[1:]))
                event = events.Key(key, text[0])
        self._aim = self.focused or self.screen
        self._under_way = True
        self._handed += 1
        await super().on_event(event)
        self._send(self._aim, _Passed(self._handed, _ROUNDS))
        self._look_later(self._handed, _LOOKS)

    def _send(self, where: DOMNode, mark: _Passed) -> None:
        self._carrier = where
        where.post_message(mark)

    def _look_later(self, key: int, looks: int) -> None:
        self.set_timer(_LOOK, lambda: self._look(key, looks))

    async def _look(self, key: int, looks: int) -> None:
        """What lies with somebody who goes is lost: then nothing would tell that a key is done."""
        if key != self._handed or not self._under_way:
            return
        looks -= 1 if self._carrier is not None and self._carrier.is_attached else _LOOKS // 2
        if looks > 0:
            self._look_later(key, looks)
        else:
            await self._go_on(key)

    def on_key(self, event: events.Key) -> None:
        """Sends on what came back from a screen that can be typed into only since then."""
        focused = self.focused
        if focused is not None and self._aim is self.screen and self._aim is not focused:
            event.prevent_default()
            self._aim = focused
            focused._forward_event(events.Key(event.key, event.character))
            self._send(focused, _Passed(self._handed, _ROUNDS))

    async def on__passed(self, message: _Passed) -> None:
        """Sends it around once more, as long as there is a key that waits for it."""
        if message.key != self._handed or not self._under_way:
            return
        if message.rounds and self._held:
            where = self.focused or self.screen
            self._send(where, _Passed(message.key, message.rounds - 1))
        else:
            await self._go_on(message.key)

    async def _go_on(self, key: int) -> None:
        if key != self._handed or not self._under_way:
            return
        self._under_way = False
        if self._held:
            await self._hand_out(self._held.popleft())
