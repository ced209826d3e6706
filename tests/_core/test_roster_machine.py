"""Any history of coming and going: whoever listens knows exactly who is there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ipcm._core.presence import (
    Answer,
    Find,
    Found,
    Joined,
    Leave,
    Left,
    Listing,
    ListPeers,
    PeerInfo,
    Ready,
    Register,
    Subscribe,
    Terminate,
)
from ipcm._core.roster import Outgoing, Roster
from ipcm.transports.known import Known, meet, part

CONNECTIONS = st.integers(1, 6)
NAMES = st.sampled_from(["a", "b", "c"])


class RosterMachine(RuleBasedStateMachine):
    """The model: each subscriber keeps a table of its own, changed by words alone."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster()
        self.lives = 0
        self.there: dict[int, PeerInfo] = {}
        self.heard: dict[int, Known] = {}
        self.changes: dict[int, list[tuple[str, str]]] = {}
        self.sought: dict[int, set[str]] = {}

    def deliver(self, words: list[Outgoing], asker: int = 0) -> Sequence[object]:
        """Hands the words to the listeners; returns those that answer the asker."""
        answers = []
        for connection, word in words:
            if connection == asker and isinstance(word, Answer | Found | Listing):
                answers.append(word)
                continue
            known = self.heard.get(connection)
            told = self.changes.setdefault(connection, [])
            if isinstance(word, Joined):
                change = meet(known, word.peer)
                if change is not None:
                    told.append((change.what, word.peer.incarnation))
            elif isinstance(word, Left):
                part(known, word.name, word.incarnation)
                told.append(("left", word.incarnation))
                self.sought.get(connection, set()).discard(word.incarnation)
        return answers

    @rule(connection=CONNECTIONS, name=NAMES, service=st.booleans())
    def register(self, connection: int, name: str, service: bool) -> None:
        self.lives += 1
        life = f"{self.lives:032x}"
        word = Register(1, name, life, "service" if service else "client", False)
        (answer,) = self.deliver(self.roster.register(connection, word, 100, 0.0), connection)
        assert isinstance(answer, Answer)
        taken = name in {peer.name for peer in self.there.values()} or connection in self.there
        assert (answer.error is not None) == taken
        if not taken:
            self.there[connection] = PeerInfo(
                name, 100, life, "service" if service else "client", not service, 0.0
            )

    @rule(connection=CONNECTIONS, in_order=st.booleans())
    def leave(self, connection: int, in_order: bool) -> None:
        words = self.roster.leave(connection, Leave(1) if in_order else None)
        self.heard.pop(connection, None)
        self.sought.pop(connection, None)
        self.changes.pop(connection, None)
        gone = self.there.pop(connection, None)
        waiting = {c for c, lives in self.sought.items() if gone and gone.incarnation in lives}
        waiting |= self.heard.keys() if gone else set()
        told = [c for c, word in words if isinstance(word, Left)]
        assert sorted(told) == sorted(waiting)
        assert len(self.deliver(words, connection)) == in_order

    @rule(connection=CONNECTIONS)
    def ready(self, connection: int) -> None:
        words = self.roster.ready(connection, Ready())
        peer = self.there.get(connection)
        if peer is None or peer.ready:
            assert words == []
        else:
            self.there[connection] = self.roster.peers[connection]
            assert self.there[connection].ready
        self.deliver(words)

    @rule(connection=CONNECTIONS)
    def pause(self, connection: int) -> None:
        if connection in self.there:
            self.deliver(self.roster.pause(connection))
            self.there[connection] = self.roster.peers[connection]
            assert not self.there[connection].ready

    @rule(connection=CONNECTIONS)
    def subscribe(self, connection: int) -> None:
        if connection not in self.there or connection in self.heard:
            return
        (listing,) = self.deliver(self.roster.list_peers(connection, Subscribe(1)), connection)
        assert isinstance(listing, Listing)
        self.heard[connection] = {peer.name: peer for peer in listing.peers}

    @rule(connection=CONNECTIONS, name=NAMES)
    def find(self, connection: int, name: str) -> None:
        (found,) = self.deliver(self.roster.find(connection, Find(1, name)), connection)
        assert isinstance(found, Found)
        peers = {peer.name: peer for peer in self.there.values()}
        assert found.peer == peers.get(name)
        if found.peer is None:
            assert found.others == list(peers)
        elif connection not in self.there or self.there[connection].name != name:
            self.sought.setdefault(connection, set()).add(found.peer.incarnation)

    @invariant()
    def everybody_agrees(self) -> None:
        (listing,) = self.deliver(self.roster.list_peers(0, ListPeers(1)), 0)
        assert isinstance(listing, Listing)
        assert listing.peers == list(self.there.values())
        names = [peer.name for peer in listing.peers]
        assert len(set(names)) == len(names)
        for connection, known in self.heard.items():
            own = self.there[connection].name
            others = {peer.name: peer for peer in listing.peers if peer.name != own}
            assert known is not None
            assert {name: peer for name, peer in known.items() if name != own} == others

    @invariant()
    def each_change_is_told_once(self) -> None:
        for told in self.changes.values():
            for what in ("joined", "left"):
                lives = [life for each, life in told if each == what]
                if what == "left" or not told:
                    assert len(set(lives)) == len(lives)

    @invariant()
    def only_services_are_told_to_end(self) -> None:
        told = {out.connection for out in self.roster.terminate()}
        assert told == {c for c, peer in self.there.items() if peer.kind == "service"}
        assert all(out.word == Terminate() for out in self.roster.terminate())


TestRosterMachine = RosterMachine.TestCase
TestRosterMachine.settings = settings(max_examples=40, stateful_step_count=30)


def test_a_second_name_for_a_connection_is_refused() -> None:
    roster = Roster()
    roster.register(1, Register(1, "a", "1" * 32, "client", False), 1, 0.0)
    (refused,) = roster.register(1, Register(2, "b", "2" * 32, "client", False), 1, 0.0)
    assert isinstance(refused.word, Answer)
    assert refused.word.error == "this connection has a name already"


@pytest.mark.parametrize("ready", [True, False])
def test_a_service_that_registers_anew_says_whether_it_is_ready(ready: bool) -> None:
    roster = Roster()
    roster.register(1, Register(1, "s", "1" * 32, "service", ready), 1, 0.0)
    assert roster.peers[1].ready is ready
