"""The contract can fail: a transport that breaks a promise does not pass the test of it."""

from __future__ import annotations

import inspect
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

import ipcm
from ipcm._core.envelope import Envelope
from ipcm._core.presence import Left, PeerKind
from ipcm.serializers import get_serializer
from ipcm.testing import TransportContract, contract
from ipcm.testing.contract import base
from ipcm.transports import registry
from ipcm.transports.base import Arrival, BusRecord, Change
from ipcm.transports.memory.port import MemoryPort
from ipcm.transports.memory.transport import MemoryTransport
from tests._os.processes import in_child


class Losing(MemoryPort):
    """Says of each seventh message that it was sent."""

    _count = 0

    def send(self, to: str, envelope: Envelope) -> int:
        self._count += 1
        return super().send(to, envelope) if self._count % 7 else 1


class Doubling(MemoryPort):
    """Delivers each seventh message a second time."""

    _count = 0

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for arrival in super().receive(*args, **options):
            self._count += 1
            arrivals += [arrival] if self._count % 7 else [arrival, arrival]
        return arrivals


class Reordering(MemoryPort):
    """Delivers what has come in meanwhile from its end to its beginning."""

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        return super().receive(*args, **options)[::-1]


class Silent(MemoryPort):
    """Tells nobody that a peer has left."""

    def _heed(self, word: object) -> None:
        if not isinstance(word, Left):
            super()._heed(word)


class Repeating(MemoryPort):
    """Tells twice that a peer has left."""

    def _heed(self, word: object) -> None:
        super()._heed(word)
        if isinstance(word, Left):
            self.changes.append(self.changes[-1])


class Hasty(MemoryPort):
    """Tells of a departure before the last messages."""

    _later: Sequence[Arrival] = ()

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        arrivals, self._later = [*self._later, *super().receive(*args, **options)], ()
        if any(change.what == "left" for change in self.changes):
            arrivals, self._later = [], arrivals
        return arrivals


class Forging(MemoryPort):
    """Knows of each sender but the last one's name."""

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        arrivals = super().receive(*args, **options)
        return [(arrivals[-1][0], envelope, size) for _, envelope, size in arrivals]


class Sharing(MemoryPort):
    """Gives the receiver the very objects of the sender."""

    _objects: dict[bytes, Any] = {}

    def send(self, to: str, envelope: Envelope) -> int:
        self._objects[self._encode(envelope)] = envelope
        return super().send(to, envelope)

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        found = super().receive(*args, **options)
        return [(o, self._objects.get(self._encode(e), e), size) for o, e, size in found]


class Boundless(MemoryPort):
    """Takes whatever it is given, however much waits, and however large it is."""

    def _check_room(self, pipe: Any, size: int) -> None:
        if pipe.queued > 100 << 20:
            raise MemoryError


class Uncapped(MemoryPort):
    """Has no limit to a message."""

    def __init__(self, hub: Any, *rest: Any) -> None:
        hub.limits = msgspec.structs.replace(hub.limits, frame=1 << 40)
        super().__init__(hub, *rest)


class Mute(MemoryPort):
    """Has a descriptor that nothing makes readable."""

    def fileno(self) -> int:
        return self._closed_pipe

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._closed_pipe, self._other = os.pipe()

    def close(self) -> None:
        if not self._closed:
            os.close(self._closed_pipe)
            os.close(self._other)
        super().close()


class Careless(MemoryPort):
    """Never lets go of its descriptors."""

    def close(self) -> None:
        if not self._closed:
            os.dup(0)
        super().close()


class Ending(MemoryPort):
    """Asks clients to end, too."""

    def receive(self, *args: Any, **options: Any) -> list[Arrival]:
        if self._hub.ending_asked:  # type: ignore[attr-defined]
            self._hub.ending_asked = False  # type: ignore[attr-defined]
            self.changes.append(Change("terminate"))
        return super().receive(*args, **options)

    def __init__(self, hub: Any, *rest: Any) -> None:
        super().__init__(hub, *rest)
        hub.ending_asked = False
        self._terminate = hub.terminate
        hub.terminate = self._ask

    def _ask(self) -> None:
        self._terminate()
        self._hub.ending_asked = True  # type: ignore[attr-defined]


class Staying(MemoryPort):
    """Never gives its name back."""

    def close(self) -> None:
        self._closed = True
        self._box.waker.close()


class Lonely(MemoryPort):
    """Does not say who is there instead of who is sought."""

    def send(self, to: str, envelope: Envelope) -> int:
        try:
            return super().send(to, envelope)
        except ipcm.NoSuchPeer:
            raise ipcm.NoSuchPeer(to, ()) from None


class Flushed(MemoryPort):
    """Says at once that all has been taken."""

    def flush(self) -> bool:
        return True


class Writing(MemoryTransport):
    """Has no read-only connections."""

    def join(self, info: Any, name: str, kind: PeerKind, *, read_only: bool = False) -> MemoryPort:
        return super().join(info, name, kind)


class Seen(MemoryTransport):
    """Makes observers plain clients."""

    def join(self, info: Any, name: str, kind: PeerKind, *, read_only: bool = False) -> MemoryPort:
        kind = "client" if kind == "observer" else kind
        return super().join(info, name, kind, read_only=read_only)


class Open(MemoryTransport):
    """Gives a name to whoever wants it."""

    def join(self, info: Any, name: str, kind: PeerKind, *, read_only: bool = False) -> MemoryPort:
        try:
            return super().join(info, name, kind, read_only=read_only)
        except ipcm.NameTaken:
            return super().join(info, f"{name} ", kind, read_only=read_only)


class Lasting(MemoryTransport):
    """Does not end its buses."""

    def end(self, record: BusRecord, grace: float) -> None:
        pass


BREAKAGES = {
    Losing: ["test_order_holds_through_queues_and_partial_writes"],
    Doubling: [
        "test_order_holds_through_queues_and_partial_writes",
        "test_each_comes_once_from_several_senders",
    ],
    Reordering: [
        "test_order_holds_through_queues_and_partial_writes",
        "test_each_comes_once_from_several_senders",
    ],
    Silent: [
        "test_each_change_is_told_once",
        "test_a_departure_comes_after_the_last_message",
        "test_a_peer_that_leaves",
    ],
    Repeating: ["test_each_change_is_told_once"],
    Hasty: ["test_a_departure_comes_after_the_last_message"],
    Forging: ["test_each_comes_once_from_several_senders"],
    Sharing: ["test_nothing_is_shared_with_the_sender"],
    Boundless: ["test_a_peer_that_does_not_read_slows_its_sender_only"],
    Uncapped: ["test_over_the_cap_it_is_refused"],
    Mute: ["test_the_descriptor_is_readable_while_something_is_there"],
    Careless: ["test_no_descriptor_stays_open"],
    Ending: ["test_terminating_reaches_services_only"],
    Staying: ["test_one_that_left_is_free_and_another_life", "test_the_others_are_named"],
    Lonely: ["test_an_unknown_peer_is_refused_and_the_others_are_named"],
    Flushed: ["test_a_peer_that_does_not_read_slows_its_sender_only"],
    Writing: ["test_a_read_only_connection_asks_and_ends_nothing"],
    Seen: ["test_observers_are_hidden"],
    Open: ["test_a_live_name_is_refused_to_another"],
    Lasting: ["test_a_bus_that_ended"],
}


def transport_of(broken: type) -> MemoryTransport:
    """A transport that breaks a promise, in itself or by its ports."""
    if issubclass(broken, MemoryTransport):
        return broken()

    class Breaking(MemoryTransport):
        def join(
            self, info: Any, name: str, kind: PeerKind, *, read_only: bool = False
        ) -> MemoryPort:
            port = super().join(info, name, kind, read_only=read_only)
            made: MemoryPort = broken(port._hub, port._box, get_serializer(info.serializer))
            return made

    return Breaking()


class Contract(TransportContract):
    transport = "memory"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not happen is waited for half a second only."""
    for module in pkgutil.iter_modules(contract.__path__, contract.__name__ + "."):
        found = sys.modules[module.name]
        if hasattr(found, "LIMIT"):
            monkeypatch.setattr(found, "LIMIT", 0.5)
    assert base.read.__kwdefaults__ == {"limit": 10.0}
    monkeypatch.setattr(base.read, "__kwdefaults__", {"limit": 0.5})


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("broken", "test"),
    [(broken, test) for broken, tests in BREAKAGES.items() for test in tests],
)
def test_it_does_not_pass(broken: type, test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = transport_of(broken)
    monkeypatch.setitem(registry._made, "memory", made)
    assert registry.get_transport(Contract.transport) is made

    def check() -> str:
        case = getattr(Contract(), test)
        try:
            if "bus" in inspect.signature(case).parameters:
                case(ipcm.spawn(transport=Contract.transport))
            else:
                case("msgpack")
        except (AssertionError, pytest.fail.Exception, ipcm.IPCMError, MemoryError) as error:
            return type(error).__name__
        return ""

    assert in_child(check), f"{test} passes with {broken.__name__}: {broken.__doc__}"
