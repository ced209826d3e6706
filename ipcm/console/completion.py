"""Values that a surface can offer while one types: each kind of word has its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from signal import Signals
from typing import Any, NamedTuple

from ipcm.console.json_text import scan
from ipcm.console.live import EndpointDescription, Live
from ipcm.console.schema import Schema

__all__ = [
    "Offer",
    "complete_asked",
    "complete_body",
    "complete_bus",
    "complete_endpoint",
    "complete_parameter",
    "complete_peer",
    "complete_service",
    "complete_signal",
]


class Offer(NamedTuple):
    """One way to go on with a word.

    Attributes:
        text: what goes into the place of what is typed. meta: what it is, in a few words.
        at: what is typed is kept up to here.
        more: it is not the end of the word.
    """

    text: str
    meta: str = ""
    at: int = 0
    more: bool = False


def complete_bus(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Names of live buses."""
    return [Offer(name, "bus") for name in live.buses()]


def complete_peer(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Names of peers, services first, observers left out."""
    peers = sorted(live.peers().items(), key=lambda item: item[1] != "service")
    return [Offer(name, kind) for name, kind in peers]


def complete_service(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Names of services, those left out that are there already."""
    already = args.get("services") or ()
    return [
        Offer(name, kind)
        for name, kind in live.peers().items()
        if kind == "service" and name not in already
    ]


def complete_endpoint(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Endpoints of the service that was named."""
    about = live.description(_service(args))
    return [Offer(each.name, _first_line(each)) for each in about.endpoints] if about else []


def complete_signal(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Names of signals; without SIG, if nobody types it."""
    names = [each.name for each in Signals]
    if not begin.upper().startswith("SIG"):
        names = [name.removeprefix("SIG") for name in names]
    return [Offer(name, "signal") for name in names]


def complete_parameter(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """Parameters of the endpoint that was named, as `name=`; then their values."""
    endpoint = _endpoint(live, args)
    if endpoint is None:
        return []
    schema = Schema.of(endpoint.parameters)
    name, equals, _ = begin.partition("=")
    if equals:
        strict = name.endswith(":")
        about = schema.properties.get(name.removesuffix(":"))
        values = [] if about is None else about.values()
        return [Offer(f"{name}={_argument(value, strict)}") for value in values]
    given = {item.partition("=")[0].removesuffix(":") for item in args.get("arguments") or ()}
    required = schema.required
    names = sorted(
        (n for n in schema.properties if n not in given), key=lambda n: n not in required
    )
    return [
        Offer(f"{name}=", schema.properties[name].about(name in required), more=True)
        for name in names
    ]


def complete_body(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """What goes on with JSON: the arguments of the endpoint that was named, or the payload."""
    endpoint = _endpoint(live, args)
    if endpoint is not None:
        return _json_offers(begin, Schema.of(endpoint.parameters))
    about = live.description(_service(args))
    if about is None or not begin.startswith("{"):
        return []
    return _json_offers(begin, _payload_schema(begin, about.endpoints))


def complete_asked(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    """An endpoint, or a payload as JSON."""
    complete = complete_body if begin[:1] in ("{", "[") else complete_endpoint
    return complete(live, args, begin)


def _service(args: Mapping[str, Any]) -> str:
    return str(args.get("peer") or args.get("service") or "")


def _endpoint(live: Live, args: Mapping[str, Any]) -> EndpointDescription | None:
    about = live.description(_service(args))
    return about.endpoint(str(args.get("endpoint") or "")) if about else None


def _first_line(endpoint: EndpointDescription) -> str:
    line = endpoint.doc.strip().partition("\n")[0]
    return line or endpoint.signature


def _argument(value: Any, strict: bool) -> str:
    """A value as `key=value` takes it: text as it is, unless it would be read as JSON."""
    text = json.dumps(value, ensure_ascii=False)
    if strict or not isinstance(value, str):
        return text
    try:
        json.loads(value)
    except ValueError:
        return value
    return text


def _payload_schema(begin: str, endpoints: Iterable[EndpointDescription]) -> Schema:
    """The schema of `{"endpoint": name, "args": {...}}`, with the args of that endpoint."""
    named = {each.name: each for each in endpoints}
    args: Any = {}
    pieces, _ = scan(begin)
    for piece in pieces:
        if piece.kind == "string" and piece.path == ("endpoint",):
            found = named.get(begin[piece.start + 1 : piece.end - 1])
            args = found.parameters if found else {}
    node = {
        "type": "object",
        "properties": {"endpoint": {"enum": list(named)}, "args": args},
        "required": ["endpoint"],
    }
    return Schema(node, args)


def _json_offers(begin: str, schema: Schema) -> list[Offer]:
    pieces, spot = scan(begin)
    here = schema.at(spot.path)
    if spot.expects == "key":
        required = here.required
        return [
            Offer(f'"{name}": ', about.about(name in required), spot.start, more=True)
            for name, about in here.properties.items()
            if name not in spot.keys
        ]
    if spot.expects == "mark":
        return []
    offers = []
    if here.properties and not spot.begin:
        template = here.template()
        if template or not pieces:
            text = json.dumps(template, ensure_ascii=False)
            offers.append(Offer(text, "what is required", spot.start))
        offers.append(Offer("{", "object", spot.start, more=True))
    offers += [
        Offer(json.dumps(value, ensure_ascii=False), here.kind, spot.start, more=bool(pieces))
        for value in here.values()
        if not isinstance(value, dict | list)
    ]
    return offers
