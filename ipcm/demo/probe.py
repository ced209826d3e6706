"""The service that asks the store something every half second, as a user would."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter, deque
from typing import Any, Final

from ipcm.demo.base import DemoService
from ipcm.demo.records import ProbeReport
from ipcm.errors import IPCMError, RemoteError
from ipcm.message import Message, Response
from ipcm.role.endpoints import endpoint

__all__ = ["Probe"]

_TIMEOUT: Final = 5.0
_WORDS: Final = 50
_WORD: Final = re.compile(r"[^\W\d_]{4,20}")


class Probe(DemoService):
    """Asks for stats, searches for words that it has found before, and asks for duplicates, in
    turn; waits for no answer before it asks again.

    Args:
        store: peer name of the store. params: as for `Service`.
    """

    interval = 0.5

    def __init__(self, *, store: str = "store", **params: Any) -> None:
        super().__init__(**params)
        self._store = store
        self._turns = itertools.cycle(("stats", "search", "duplicates"))
        self._words = deque(("the", "import", "and"), maxlen=_WORDS)
        self._sent = self._failed = self._refused = 0
        self._answered: Counter[str] = Counter()
        self._slowest = 0.0
        self._last_error = ""

    def figures(self) -> ProbeReport:
        """See `DemoService`."""
        return self.report()

    @endpoint
    def report(self) -> ProbeReport:
        """What the probe has asked so far, and how that went."""
        return ProbeReport(
            sent=self._sent,
            answered=self._answered.total(),
            failed=self._failed,
            refused=self._refused,
            endpoints=dict(self._answered),
            slowest=self._slowest,
            last_error=self._last_error,
        )

    def run_on_interval(self) -> None:
        """Asks the next question."""
        super().run_on_interval()
        name = next(self._turns)
        request = {"endpoint": name, "args": self._arguments(name)}
        asked = time.monotonic()

        def on_answer(response: Response, _message: Message | None) -> None:
            self._slowest = max(self._slowest, time.monotonic() - asked)
            self._take(name, response)

        self._sent += 1
        try:
            self.peer(self._store).send_request(request, on_answer, timeout=_TIMEOUT)
        except IPCMError as error:
            self._fail(error)

    def _arguments(self, name: str) -> dict[str, Any]:
        if name == "stats":
            return {}
        if name == "duplicates":
            return {"limit": 5}
        self._words.rotate(-1)
        return {"text": self._words[0], "limit": 10}

    def _take(self, name: str, response: Response) -> None:
        if response.exception is not None:
            self._fail(response.exception)
            return
        self._answered[name] += 1
        if name == "search":
            for hit in response.payload:
                self._learn(str(hit.get("snippet", "")))

    def _learn(self, snippet: str) -> None:
        known = set(self._words)
        self._words.extend(word for word in _WORD.findall(snippet)[:3] if word not in known)

    def _fail(self, error: IPCMError) -> None:
        self._failed += 1
        self._refused += isinstance(error, RemoteError)
        self._last_error = str(error)
