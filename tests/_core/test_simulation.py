"""Peers in a small world of their own: real outboxes, readers and request tables, no kernel.

The schedule comes from hypothesis: who speaks when, how many bytes a pipe takes and gives at
once, who dies. What fails is shrunk to the shortest such history.
"""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcm._core.envelope import GENERAL, REQUEST, RESPONSE, Envelope
from ipcm._core.framing import HEADER, FrameReader
from ipcm._core.outbox import Outbox
from ipcm._core.requests import Ending, RequestTable
from ipcm.errors import PeerGone, RequestTimeout
from ipcm.message import Kind, Message

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Envelope).decode

NAMES = ("a", "b", "c")
SCRATCH = 4096
CAPACITY = 300


class Wire:
    """One direction between two peers: an outbox, a pipe of little room, a reader."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.pipe = b""
        self.reader = FrameReader(memoryview(bytearray(SCRATCH)))
        self.closed = False

    def put(self, envelope: Envelope) -> None:
        if not self.closed:
            body = encode(envelope)
            self.outbox.put(HEADER.pack(len(body)) + body)

    def write(self, size: int) -> None:
        """The kernel takes so much, if it has room."""
        head = b"".join(self.outbox.head())[: min(size, CAPACITY - len(self.pipe))]
        self.outbox.taken(len(head))
        self.pipe += head

    def read(self, size: int) -> list[Envelope]:
        target = self.reader.target
        piece = self.pipe[: min(size, len(target))]
        self.pipe = self.pipe[len(piece) :]
        target[: len(piece)] = piece
        return [decode(frame) for frame in self.reader.fed(len(piece))] if piece else []


class Peer:
    """One life of a name: it numbers what it says, and answers what it is asked."""

    def __init__(self, name: str, life: str) -> None:
        self.name, self.life = name, life
        self.table = RequestTable()
        self.wires: dict[str, Wire] = {}
        self.lives: dict[str, str] = {}
        self.said: dict[tuple[str, str], int] = {}
        self.asked: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.heard: dict[tuple[str, str], list[int]] = {}


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.ids = 0
        self.lives = 0
        self.peers: dict[str, Peer] = {}
        for name in NAMES:
            self.bear(name)

    def bear(self, name: str) -> None:
        self.lives += 1
        self.peers[name] = Peer(name, f"life{self.lives}")

    def wire(self, source: Peer, to: str) -> Wire:
        if source.lives.get(to) != self.peers[to].life:
            source.wires[to] = Wire()
            source.lives[to] = self.peers[to].life
        return source.wires[to]

    def say(self, source: Peer, to: str) -> None:
        key = to, self.peers[to].life
        number = source.said[key] = source.said.get(key, 0) + 1
        self.wire(source, to).put(Envelope(GENERAL, 0, number))

    def ask(self, source: Peer, to: str, timeout: float | None) -> None:
        self.ids += 1
        self.wire(source, to).put(Envelope(REQUEST, self.ids, self.ids * 7))
        life = self.peers[to].life
        source.table.add(self.ids, to, life, self.now, timeout, lambda r, m: None)
        source.asked[self.ids] = self.ids * 7

    def move(self, source: Peer, to: str, size: int) -> None:
        wire = source.wires.get(to)
        if wire is None or source.lives[to] != self.peers[to].life:
            return
        wire.write(size)
        self.take(self.peers[to], source, wire.read(size))

    def take(self, reader: Peer, source: Peer, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.kind == GENERAL:
                key = source.name, source.life
                reader.heard.setdefault(key, []).append(envelope.content)
            elif envelope.kind == REQUEST and self.peers[source.name] is source:
                answer = Envelope(RESPONSE, envelope.id, envelope.content)
                self.wire(reader, source.name).put(answer)
            elif envelope.kind == RESPONSE:
                message = Message(
                    envelope.id, source.name, reader.name, envelope.content, Kind.RESPONSE,
                    envelope.id, incarnation=source.life,
                )  # fmt: skip
                ending = reader.table.answer(message)
                self.end(reader, [ending] if ending else [])

    def die(self, name: str) -> None:
        """What was in its pipes is read to the end before anybody hears of it."""
        dead = self.peers[name]
        self.bear(name)
        for other in self.peers.values():
            if other.name == name:
                continue
            wire = dead.wires.get(other.name)
            if wire is not None and dead.lives[other.name] == other.life:
                while wire.pipe:
                    self.take(other, dead, wire.read(1 << 20))
            self.end(other, other.table.gone(name, dead.life))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for peer in self.peers.values():
            self.end(peer, peer.table.expire(self.now))

    def end(self, peer: Peer, endings: list[Ending]) -> None:
        for ending in endings:
            response = ending.response
            peer.ended[response.id] = peer.ended.get(response.id, 0) + 1
            if response.ok:
                assert response.payload == peer.asked[response.id]
            else:
                assert isinstance(response.exception, PeerGone | RequestTimeout)

    def check(self) -> None:
        for peer in self.peers.values():
            assert all(count == 1 for count in peer.ended.values())
            for numbers in peer.heard.values():
                # In order, each at most once, and nothing skipped: what is lost is the end.
                assert numbers == list(range(1, len(numbers) + 1))

    def finish(self) -> None:
        """Everybody reads and writes until nothing moves; then time runs out."""
        for _ in range(400):
            for source in list(self.peers.values()):
                for to in list(source.wires):
                    self.move(source, to, 1 << 16)
        for peer in self.peers.values():
            for to, wire in peer.wires.items():
                assert peer.lives[to] != self.peers[to].life or not wire.outbox.bytes
        self.wait(1e9)
        for peer in self.peers.values():
            unended = peer.table.open.keys()
            assert all(peer.table.open[id].timeout is None for id in unended)
            assert peer.asked.keys() - peer.ended.keys() == set(unended)


PAIRS = st.sampled_from([(a, b) for a in NAMES for b in NAMES if a != b])
STEPS = st.one_of(
    st.tuples(st.just("say"), PAIRS, st.just(0)),
    st.tuples(st.just("ask"), PAIRS, st.integers(0, 20)),
    st.tuples(st.just("move"), PAIRS, st.integers(1, 400)),
    st.tuples(st.just("die"), PAIRS, st.just(0)),
    st.tuples(st.just("wait"), PAIRS, st.integers(1, 5)),
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=80))
def test_every_request_ends_once_and_order_holds(
    steps: list[tuple[str, tuple[str, str], int]],
) -> None:
    world = World()
    for step, (one, other), number in steps:
        match step:
            case "say":
                world.say(world.peers[one], other)
            case "ask":
                world.ask(world.peers[one], other, float(number) if number else None)
            case "move":
                world.move(world.peers[one], other, number)
            case "die":
                world.die(one)
            case "wait":
                world.wait(float(number))
        world.check()
    world.finish()
    world.check()
