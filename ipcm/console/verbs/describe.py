"""`describe`: what a service offers."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import msgspec

from ipcm.console.completion import complete_endpoint, complete_service
from ipcm.console.results import Record, Section
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import NoSuchPeer, ProtocolError, UsageError

__all__ = ["VERB", "Description", "EndpointDescription"]

_PATIENCE = 1.0


class EndpointDescription(msgspec.Struct, frozen=True):
    """An endpoint.

    Attributes:
        signature: as one would write it. parameters: their JSON schema.
    """

    name: str
    signature: str = ""
    doc: str = ""
    parameters: dict[str, Any] = {}


class Description(msgspec.Struct, frozen=True, rename={"cls": "class"}):
    """A service: its class, docstring and endpoints."""

    name: str
    cls: str = ""
    doc: str = ""
    endpoints: list[EndpointDescription] = []


def run(context: Context, service: str, endpoint: str | None) -> Record:
    """See `VERB`."""
    with context.find_bus().observe(messages=False) as observer:
        peer = observer.presence.get(service)
        if peer is None:
            raise NoSuchPeer(service, observer.presence)
        if peer.kind != "service":
            raise UsageError(f"{service!r} is a {peer.kind}, and only services describe themselves")
        raw = observer.describe(service, context.timeout or _PATIENCE)
    try:
        about = msgspec.convert(raw, Description)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{service} describes itself in an unknown way: {error}") from None
    if endpoint is None:
        return Record(about, _sections(about))
    for each in about.endpoints:
        if each.name == endpoint:
            return Record(each, [_endpoint_section(each)])
    known = ", ".join(each.name for each in about.endpoints) or "none"
    raise UsageError(f"{service} has no endpoint {endpoint!r}; endpoints: {known}")


def _sections(about: Description) -> list[Section]:
    pairs = [("service", about.name), ("class", about.cls)]
    sections = [Section(pairs=pairs)]
    if about.doc.strip():
        sections.append(Section(text=cleandoc(about.doc)))
    sections += [_endpoint_section(each) for each in about.endpoints]
    if not about.endpoints:
        sections.append(Section(text="no endpoints: requests go to its own handler, whole"))
    return sections


def _endpoint_section(endpoint: EndpointDescription) -> Section:
    text = cleandoc(endpoint.doc)
    required = endpoint.parameters.get("required", [])
    shape = _object(endpoint.parameters)
    properties = shape.get("properties", {})
    required = shape.get("required", required)
    pairs = [
        (f"  {name}", _schema_text(schema, name in required)) for name, schema in properties.items()
    ]
    lines = "\n".join(f"  {line}".rstrip() for line in text.splitlines())
    return Section(title=endpoint.signature or endpoint.name, text=lines, pairs=pairs)


def _object(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a top-level `$ref` points to."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found = schema.get("$defs", {}).get(name, schema)
    return found if isinstance(found, Mapping) else schema


def _schema_text(schema: Any, required: bool) -> str:
    if not isinstance(schema, Mapping):
        return "anything"
    kinds = [each.get("type") for each in schema.get("anyOf", ()) if isinstance(each, Mapping)]
    kind = schema.get("type") or " or ".join(str(each or "object") for each in kinds) or "anything"
    if required:
        return f"{kind}, required"
    return f"{kind}, default {msgspec.json.encode(schema.get('default')).decode()}"


VERB = Verb(
    name="describe",
    summary="Show what a service offers: its endpoints and their arguments",
    group="Look",
    run=run,
    result=Description,
    arguments=(
        Argument("service", "The service.", complete=complete_service),
        Argument("endpoint", "Only this endpoint.", required=False, complete=complete_endpoint),
    ),
    examples=(("store", "all endpoints"), ("store search", "one of them")),
    timeout=_PATIENCE,
)
