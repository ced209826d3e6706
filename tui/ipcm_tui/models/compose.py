"""A request in the making: what is typed, whether it can be sent, and what would go out."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

from ipcm.console.json_text import locate
from ipcm.console.live import EndpointDescription
from ipcm.console.payload import loads
from ipcm.console.schema import Schema

__all__ = ["Draft", "Verdict", "arguments_template", "check", "draft_of"]

Field: TypeAlias = Literal["peer", "endpoint", "body"]


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """What is typed.

    Attributes:
        endpoint: empty for a raw payload.
        body: JSON: the arguments of the endpoint (an object, may be empty), or the payload.
    """

    peer: str = ""
    endpoint: str = ""
    body: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a draft can be sent.

    Attributes:
        ok: it can. payload: what would go out.
        problem: why not, or what looks wrong and can be sent all the same. field: where.
    """

    ok: bool
    payload: Any = None
    problem: str = ""
    field: Field | None = None


def check(
    draft: Draft,
    peers: Collection[str],
    endpoints: Mapping[str, EndpointDescription] | None = None,
) -> Verdict:
    """Judges a draft.

    Args:
        peers: names of those who are there.
        endpoints: what the peer is known to offer, by name; empty where that is not known.
    """
    peer, endpoint = draft.peer.strip(), draft.endpoint.strip()
    if not peer:
        return Verdict(False, problem="whom to ask?", field="peer")
    if peer not in peers:
        return Verdict(False, problem=_nobody(peer, peers), field="peer")
    try:
        body = _read(draft.body)
    except ValueError as error:
        return Verdict(False, problem=str(error), field="body")
    if not endpoint:
        if not draft.body.strip():
            return Verdict(False, problem="an endpoint, or a payload as JSON", field="endpoint")
        return Verdict(True, body)
    if draft.body.strip() and not isinstance(body, dict):
        problem = 'the arguments are a JSON object, as {"name": value}'
        return Verdict(False, problem=problem, field="body")
    payload = {"endpoint": endpoint, "args": body or {}}
    if endpoints and endpoint not in endpoints:
        known = ", ".join(sorted(endpoints))
        return Verdict(True, payload, f"{peer} offers no {endpoint!r}, but {known}", "endpoint")
    known_endpoint = endpoints.get(endpoint) if endpoints else None
    return Verdict(True, payload, *_doubt(body or {}, known_endpoint, draft.body))


def _doubt(
    args: dict[str, Any], endpoint: EndpointDescription | None, text: str
) -> tuple[str, Field | None]:
    """What the service will not like; it is said, and nobody is kept from sending it."""
    if endpoint is None:
        return "", None
    try:
        fault = Schema.of(endpoint.parameters).fault(args)
    except RecursionError:
        return "", None
    if fault is None:
        return "", None
    path, problem = fault
    start, _ = locate(text, path)
    place = f" (column {start + 1})" if path and "\n" not in text else ""
    return f"{'.'.join(map(str, path))}: {problem}{place}" if path else problem, "body"


def arguments_template(endpoint: EndpointDescription) -> str:
    """The required arguments, each with an empty value of its type; "" where there are none."""
    try:
        args = Schema.of(endpoint.parameters).template()
    except RecursionError:
        return ""
    return json.dumps(args, ensure_ascii=False) if args else ""


def draft_of(peer: str, preview: str | None) -> tuple[Draft, bool]:
    """What was sent, as far as its preview tells, and whether that is all of it."""
    if not preview:
        return Draft(peer), False
    try:
        payload = loads(preview)
    except (ValueError, RecursionError):
        return Draft(peer, "", preview), False
    if isinstance(payload, dict) and payload.keys() <= {"endpoint", "args"}:
        endpoint, args = payload.get("endpoint"), payload.get("args", {})
        if isinstance(endpoint, str) and endpoint and isinstance(args, dict):
            body = json.dumps(args, ensure_ascii=False) if args else ""
            return Draft(peer, endpoint, body), True
    return Draft(peer, "", preview), True


def _nobody(peer: str, peers: Collection[str]) -> str:
    starts = sorted(name for name in peers if name.startswith(peer))
    if starts:
        return f"{peer}… {', '.join(starts[:5])}?"
    close = difflib.get_close_matches(peer, peers, n=1)
    if close:
        return f"nobody is called {peer!r} here; {close[0]!r}?"
    return f"nobody is called {peer!r} here"


def _read(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, " if "\n" in text else ""
        raise ValueError(f"JSON: {place}column {error.colno}: {error.msg.lower()}") from None
    except RecursionError:
        raise ValueError("JSON: nested too deeply") from None
