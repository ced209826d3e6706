"""Objects as records: what a notebook shows of a handle, a bus, a peer, a snapshot, a message.

Looking at an object never fails: what cannot be had is told in its place.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import msgspec

from ipcm._core.observation import Snapshot
from ipcm._core.presence import PeerInfo
from ipcm.bus import Bus
from ipcm.console.cells import plural, span_text, when_text
from ipcm.console.encode import to_json
from ipcm.console.html import record_html
from ipcm.console.peers import look
from ipcm.console.render import PlainOutput, Renderer
from ipcm.console.results import Record, Result, Section
from ipcm.console.usage import UsageMeter
from ipcm.console.verbs.info import about_bus, service_sections
from ipcm.errors import IPCMError
from ipcm.message import Message, Request, Response
from ipcm.role.handle import Handle
from ipcm.role.peer import Peer

__all__ = ["card", "mimebundle", "plain_text"]

_PATIENCE = 0.3
_MOST = 2000


def mimebundle(thing: object) -> dict[str, Any]:
    """An object as text/plain and text/html."""
    record = card(thing)
    return {"text/plain": f"{thing!r}", "text/html": record_html(record)}


def plain_text(result: Result) -> str:
    """A result as the command line writes it to a file."""
    parts: list[str] = []

    def narrate(text: str) -> None:
        parts.append(f"{text}\n")

    Renderer(PlainOutput(parts.append), "table", narrate).show(result)
    return "".join(parts).rstrip("\n")


def card(thing: object) -> Record:
    """An object as people read it."""
    try:
        return _card(thing)
    except (IPCMError, OSError) as error:
        pairs = [(type(thing).__name__.lower(), _name(thing)), ("state", str(error))]
        return Record(repr(thing), [Section(pairs=pairs)])


@functools.singledispatch
def _card(thing: object) -> Record:
    return Record(thing, [Section(text=repr(thing))])


@_card.register
def _(bus: Bus) -> Record:
    record = about_bus(bus)
    with bus.observe(messages=False) as observer:
        table = look(observer, UsageMeter(), _PATIENCE)
    pairs = [
        ("bus", bus.name),
        ("transport", f"{bus.transport}, {bus.serializer}"),
        ("age", span_text(record.value.age)),
    ]
    return Record(record.value, [Section(pairs=pairs), Section(table=table)])


@_card.register
def _(handle: Handle) -> Record:
    if handle.client.peer_info(handle.service_name) is None:
        pairs = [("service", handle.service_name), ("state", "not on the bus")]
        return Record(None, [Section(pairs=pairs)])
    snapshot = handle.snapshot(_PATIENCE)
    return Record(snapshot, _snapshot_sections(snapshot, _bus_name(handle)))


@_card.register
def _(peer: Peer) -> Record:
    pid = peer.pid
    state = "not on the bus" if pid is None else "ready" if peer.ready() else "starting"
    pairs = [("peer", peer.name), ("pid", str(pid or "-")), ("state", state)]
    return Record(peer.name, [Section(pairs=pairs)])


@_card.register
def _(peer: PeerInfo) -> Record:
    pairs = [
        ("peer", peer.name),
        ("kind", peer.kind),
        ("pid", str(peer.pid)),
        ("state", "ready" if peer.ready else "starting"),
        ("since", when_text(peer.since)),
        ("incarnation", peer.incarnation),
    ]
    return Record(peer, [Section(pairs=pairs)])


@_card.register
def _(snapshot: Snapshot) -> Record:
    return Record(snapshot, _snapshot_sections(snapshot, ""))


@_card.register
def _(message: Message) -> Record:
    pairs = [
        ("message", f"{message.kind.name.lower()} #{message.id}"),
        ("from, to", f"{message.sender} -> {message.to}"),
        ("sent", when_text(message.stamp)),
        *_fields(message, "correlation_id", "error", "timeout"),
    ]
    if message.broadcast:
        pairs.append(("broadcast", "to every peer"))
    return Record(message, [Section(pairs=pairs), Section("content", text=_short(message.content))])


@_card.register
def _(request: Request) -> Record:
    pairs = [("request", f"#{request.id}"), ("from", request.sender)]
    return Record(request, [Section(pairs=pairs), Section("payload", text=_short(request.payload))])


@_card.register
def _(response: Response) -> Record:
    pairs = [("response", f"#{response.id}"), ("ok", "yes" if response.ok else "no")]
    pairs += _fields(response, "error")
    sections = [Section(pairs=pairs)]
    if response.ok:
        sections.append(Section("payload", text=_short(response.payload)))
    elif response.exception is not None and response.error is None:
        sections.append(Section(text=str(response.exception)))
    return Record(response, sections)


def _snapshot_sections(snapshot: Snapshot, bus: str) -> list[Section]:
    usage = UsageMeter().measure(snapshot.pid, time.time() - snapshot.uptime)
    return service_sections(bus, snapshot, usage)


def _fields(thing: msgspec.Struct, *names: str) -> list[tuple[str, str]]:
    """The fields that are set."""
    found = ((name.replace("_", " "), getattr(thing, name)) for name in names)
    return [(name, str(value)) for name, value in found if value is not None]


def _short(value: Any) -> str:
    text = to_json(value, indent=True)
    if len(text) <= _MOST:
        return text
    return f"{text[:_MOST]}\n... {plural(len(text) - _MOST, 'character')} more"


def _bus_name(handle: Handle) -> str:
    try:
        return handle.bus.name
    except IPCMError:
        return ""


def _name(thing: object) -> str:
    match thing:
        case Bus():
            return thing.name
        case Handle():
            return thing.service_name
        case Peer():
            return thing.name
    return repr(thing)
