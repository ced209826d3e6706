"""Any history of asking, answering, forging, dying and waiting: each request ends once."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ipcm._core.requests import Ending, RequestTable
from ipcm.errors import PeerGone, RemoteError, RequestTimeout
from ipcm.message import Kind, Message, Response

PEERS = st.sampled_from(["a", "b"])
LIVES = st.sampled_from(["first", "second"])
MOST_KEPT = 4


class Asked:
    """What the model knows of one open request."""

    def __init__(self, peer: str, life: str, deadline: float, calls_back: bool) -> None:
        self.peer, self.life, self.deadline, self.calls_back = peer, life, deadline, calls_back


class RequestMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.table = RequestTable(most_kept=MOST_KEPT)
        self.now = 0.0
        self.next_id = 1
        self.open: dict[int, Asked] = {}
        self.kept: dict[int, type | None] = {}
        self.dropped = 0
        self.ended: dict[int, int] = {}

    @rule(peer=PEERS, life=LIVES, timeout=st.none() | st.integers(0, 9), calls_back=st.booleans())
    def ask(self, peer: str, life: str, timeout: int | None, calls_back: bool) -> None:
        id, self.next_id = self.next_id, self.next_id + 1
        callback = self.unexpected if calls_back else None
        self.table.add(id, peer, life, self.now, timeout, callback)
        deadline = math.inf if timeout is None else self.now + timeout
        self.open[id] = Asked(peer, life, deadline, calls_back)

    def unexpected(self, response: Response, message: Message | None) -> None:
        raise AssertionError("the table calls nobody: it returns whom to call")

    @rule(number=st.integers(0, 20), peer=PEERS, life=LIVES, error=st.none() | st.just("no"))
    def respond(self, number: int, peer: str, life: str, error: str | None) -> None:
        """Anybody answers anything: open, answered before, or never asked."""
        id = number % (self.next_id + 1)
        message = Message(id, peer, "me", "x", Kind.RESPONSE, id, error=error, incarnation=life)
        asked = self.open.get(id)
        ending = self.table.answer(message)
        if asked is None or (asked.peer, asked.life) != (peer, life):
            assert ending is None
            self.dropped += 1
        else:
            self.end(id, None if error is None else RemoteError, [ending] if ending else [])

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        late = [id for id, asked in self.open.items() if asked.deadline <= self.now]
        endings = self.table.expire(self.now)
        for id in late:
            self.end(id, RequestTimeout, endings)
        assert {ending.response.id for ending in endings} <= set(late)

    @rule(peer=PEERS, life=LIVES)
    def leave(self, peer: str, life: str) -> None:
        lost = [i for i, asked in self.open.items() if (asked.peer, asked.life) == (peer, life)]
        endings = self.table.gone(peer, life)
        for id in lost:
            self.end(id, PeerGone, endings)
        assert {ending.response.id for ending in endings} <= set(lost)

    @rule(number=st.integers(0, 20))
    def fetch(self, number: int) -> None:
        id = number % (self.next_id + 1)
        response = self.table.take(id)
        assert (response is not None) == (id in self.kept)
        if response is not None:
            assert type(response.exception) is (self.kept.pop(id) or type(None))

    @rule(number=st.integers(0, 20))
    def give_up(self, number: int) -> None:
        if self.open:
            id = sorted(self.open)[number % len(self.open)]
            assert isinstance(self.table.time_out(id, 1.0), RequestTimeout)
            del self.open[id]
            self.ended[id] = self.ended.get(id, 0) + 1

    def end(self, id: int, failure: type | None, endings: list[Ending]) -> None:
        asked = self.open.pop(id)
        self.ended[id] = self.ended.get(id, 0) + 1
        mine = [ending for ending in endings if ending.response.id == id]
        assert len(mine) == asked.calls_back
        if asked.calls_back:
            told: Any = mine[0]
            assert type(told.response.exception) is (failure or type(None))
            assert (told.message is None) == (failure in (RequestTimeout, PeerGone))
            return
        self.kept[id] = failure
        if len(self.kept) > MOST_KEPT:
            del self.kept[next(iter(self.kept))]
            self.dropped += 1

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        assert set(self.table.open) == set(self.open)
        assert set(self.table.done) == set(self.kept)
        assert self.table.dropped == self.dropped
        assert all(count == 1 for count in self.ended.values())
        assert not self.ended.keys() & self.open.keys()
        soonest = min((asked.deadline for asked in self.open.values()), default=math.inf)
        assert self.table.soonest <= soonest


TestRequestMachine = RequestMachine.TestCase
TestRequestMachine.settings = settings(max_examples=50, stateful_step_count=30)
