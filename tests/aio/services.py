"""Services that the asynchronous side is tested with."""

from __future__ import annotations

import os
import signal
from typing import Any

import ipcm

__all__ = ["Worked"]


class Worked(ipcm.Service):
    """Endpoints that answer soon, late, never, or with an error."""

    def __init__(self, *args: Any, **params: Any) -> None:
        self.held: list[tuple[str, int]] = []
        self.heard: list[Any] = []
        super().__init__(*args, **params)

    def handle_request(self, request: ipcm.Request, message: ipcm.Message) -> Any:
        if request.payload == "hold":
            self.held.append((request.sender, request.id))
            return ipcm.DEFERRED
        return super().handle_request(request, message)

    def run_on_general_message(self, message: ipcm.Message) -> None:
        self.heard.append(message.content)

    @ipcm.endpoint
    def double(self, x: int) -> int:
        """Twice as much."""
        return 2 * x

    @ipcm.endpoint
    def fail(self) -> None:
        raise ValueError("on purpose")

    @ipcm.endpoint
    def release(self) -> int:
        """Answers what it held; returns how many."""
        held, self.held = self.held, []
        for sender, id in held:
            self.send_response(sender, id, "released")
        return len(held)

    @ipcm.endpoint
    def holding(self) -> int:
        return len(self.held)

    @ipcm.endpoint
    def what_was_heard(self) -> list[Any]:
        return self.heard

    @ipcm.endpoint
    def tell(self, to: str, count: int, size: int = 10) -> int:
        for _ in range(count):
            self.client().send_message(to, "x" * size)
        return count

    @ipcm.endpoint
    def say(self, text: str) -> None:
        print(text, flush=True)

    @ipcm.endpoint
    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
