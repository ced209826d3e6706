"""`describe`: what a service offers."""

from __future__ import annotations

from inspect import cleandoc

from ipcm.console.completion import complete_endpoint, complete_service
from ipcm.console.live import Description, EndpointDescription, read_description
from ipcm.console.results import Record, Section
from ipcm.console.schema import Schema
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import NoSuchPeer, ProtocolError, UsageError

__all__ = ["VERB"]

_PATIENCE = 1.0


def run(context: Context, service: str, endpoint: str | None) -> Record:
    """See `VERB`."""
    with context.find_bus().observe(messages=False) as observer:
        peer = observer.presence.get(service)
        if peer is None:
            raise NoSuchPeer(service, observer.presence)
        if peer.kind != "service":
            raise UsageError(f"{service!r} is a {peer.kind}, and only services describe themselves")
        raw = observer.describe(service, context.timeout or _PATIENCE)
    about = read_description(raw)
    if about is None:
        raise ProtocolError(f"{service} describes itself in an unknown way")
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
    schema = Schema.of(endpoint.parameters)
    pairs = [
        (f"  {name}", about.about(name in schema.required))
        for name, about in schema.properties.items()
    ]
    lines = "\n".join(f"  {line}".rstrip() for line in cleandoc(endpoint.doc).splitlines())
    return Section(title=endpoint.signature or endpoint.name, text=lines, pairs=pairs)


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
