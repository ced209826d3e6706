"""The registrar's decisions."""

from __future__ import annotations

from ipcm._core.presence import (
    Answer,
    Find,
    Found,
    Joined,
    Leave,
    Left,
    Listing,
    ListPeers,
    Ready,
    Register,
    Subscribe,
    Terminate,
    Want,
)
from ipcm._core.roster import Outgoing, Roster
from ipcm._core.subscription import ObserveOptions


def register(roster: Roster, connection: int, name: str, kind: str = "client") -> list[Outgoing]:
    word = Register(1, name, f"{connection:032x}", kind, False)  # type: ignore[arg-type]
    return roster.register(connection, word, 1000 + connection, 5.0)


def test_a_live_name_is_refused_to_another() -> None:
    roster = Roster()
    assert register(roster, 1, "a")[0].word == Answer(1)
    refusal = register(roster, 2, "a")[0].word
    assert isinstance(refusal, Answer)
    assert refusal.error
    assert refusal.pid == 1001
    roster.leave(1)
    assert register(roster, 2, "a")[0].word == Answer(1)


def test_subscribers_hear_of_everybody_else() -> None:
    roster = Roster()
    register(roster, 1, "a")
    (listing,) = roster.list_peers(1, Subscribe(7))
    assert isinstance(listing.word, Listing)
    assert [peer.name for peer in listing.word.peers] == ["a"]
    told = register(roster, 2, "b", "service")
    assert [out.connection for out in told] == [2, 1]
    joined = told[1].word
    assert isinstance(joined, Joined)
    assert not joined.peer.ready
    (again,) = roster.ready(2, Ready())
    assert isinstance(again.word, Joined)
    assert again.word.peer.ready
    assert roster.ready(2, Ready()) == []
    assert roster.leave(2) == [Outgoing(1, Left("b", f"{2:032x}"))]
    assert roster.leave(2) == []


def test_who_asked_for_a_peer_hears_of_its_end_once() -> None:
    roster = Roster()
    register(roster, 1, "a")
    register(roster, 2, "b")
    (found,) = roster.find(1, Find(3, "b"))
    assert isinstance(found.word, Found)
    assert found.word.peer is not None
    told = roster.leave(2, Leave(9))
    assert told == [Outgoing(1, Left("b", f"{2:032x}")), Outgoing(2, Answer(9))]
    register(roster, 3, "b")
    assert roster.leave(3) == []
    roster.find(2, Find(4, "a"))
    roster.list_peers(2, Subscribe(5))
    roster.leave(2)
    assert roster.leave(1) == [], "nor does one who has left"


def test_missing_peer_names_those_who_are_there_but_no_observers() -> None:
    roster = Roster()
    register(roster, 1, "a")
    register(roster, 2, "o", "observer")
    (found,) = roster.find(1, Find(3, "x"))
    assert found.word == Found(3, None, ["a"])


def test_everybody_hears_what_an_observer_wants_of_those_who_come() -> None:
    roster = Roster()
    register(roster, 1, "o", "observer")
    register(roster, 2, "a")
    wants = ObserveOptions(rate=5.0)
    for connection in (1, 2, 3):
        roster.want(connection, Want(wants))
    (listing,) = roster.list_peers(2, ListPeers(7))
    assert isinstance(listing.word, Listing)
    assert [(peer.name, peer.wants) for peer in listing.word.peers] == [("o", wants), ("a", None)]


def test_terminate_goes_to_services_only() -> None:
    roster = Roster()
    register(roster, 1, "a")
    register(roster, 2, "s", "service")
    assert roster.terminate() == [Outgoing(2, Terminate())]
