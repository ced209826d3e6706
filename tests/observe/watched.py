"""A service to observe, and waiting for what is seen of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import ipcm
from ipcm import (
    Event,
    MessageEvent,
    Observer,
    PeerEvent,
)

LIMIT = 10.0


class Watched(ipcm.Service):
    """Does what observers tell of."""

    intercept_errors = True

    def redact(self, content: Any) -> Any:
        if isinstance(content, dict) and "secret" in content.get("args", {}):
            return "(secret)"
        return content

    @ipcm.endpoint
    def add(self, a: int, b: int = 0) -> int:
        return a + b

    @ipcm.endpoint
    def fail(self) -> None:
        raise ValueError("on purpose")

    @ipcm.endpoint
    def keep(self, secret: str) -> None:
        """Takes what nobody is to see."""

    @ipcm.endpoint
    def work(self) -> int:
        return ipcm.worker("digger", lambda: 3)

    @ipcm.endpoint
    def dig(self) -> int:
        return ipcm.worker("digger", signal.pause)

    @ipcm.endpoint
    def fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(4)
        return pid

    @ipcm.endpoint
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    @ipcm.endpoint
    def subscribed(self) -> int:
        return len(self._ipcm_state.subscriptions)


def see(observer: Observer, wanted: Callable[[Any], object], limit: float = LIMIT) -> list[Event]:
    """The events up to the one that is wanted."""
    seen: list[Event] = []
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        for event in observer.poll(left):
            seen.append(event)
            if wanted(event):
                return seen
    raise AssertionError(f"not among {seen}")


def settle(observer: Observer, *services: str) -> None:
    """Waits until it has heard from these services."""
    deadline = time.monotonic() + LIMIT
    while not observer.snapshots.keys() >= set(services):
        assert time.monotonic() < deadline
        observer.poll(0.05)


def is_request(event: Event) -> bool:
    return isinstance(event, MessageEvent) and event.kind == "request"


def of_guest(service: str) -> Callable[[Event], bool]:
    return lambda e: isinstance(e, PeerEvent) and e.service == service and e.peer == "guest"
