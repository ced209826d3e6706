"""A request in the making: what is typed, whether it can be sent, and what would go out."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, NoReturn, TypeAlias

__all__ = ["Draft", "EndpointFacts", "Verdict", "arguments_template", "check", "read_endpoints"]

Field: TypeAlias = Literal["peer", "endpoint", "body"]

_PLACEHOLDERS: Final[dict[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}


@dataclasses.dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What a service says about one of its endpoints.

    Attributes:
        signature: as one would write it. doc: its docstring. parameters: their JSON schema.
    """

    name: str
    signature: str = ""
    doc: str = ""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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


def check(draft: Draft, peers: Collection[str], endpoints: Collection[str] = ()) -> Verdict:
    """Judges a draft.

    Args:
        peers: names of those who are there.
        endpoints: what the peer is known to offer; empty where that is not known.
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
    return Verdict(True, payload)


def read_endpoints(description: Any) -> dict[str, EndpointFacts]:
    """Endpoints by name, from what a service says of itself; {} from anything else."""
    listed = description.get("endpoints") if isinstance(description, dict) else None
    found = {}
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            parameters = item.get("parameters")
            found[item["name"]] = EndpointFacts(
                item["name"],
                str(item.get("signature") or ""),
                str(item.get("doc") or ""),
                parameters if isinstance(parameters, dict) else {},
            )
    return found


def arguments_template(facts: EndpointFacts) -> str:
    """The required arguments, each with an empty value of its type; "" where there are none."""
    schema: Any = facts.parameters
    reference = schema.get("$ref", "")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        schema = schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    properties = schema.get("properties", {})
    args = {
        name: _PLACEHOLDERS.get(str(properties.get(name, {}).get("type")))
        for name in schema.get("required", ())
    }
    return json.dumps(args, ensure_ascii=False) if args else ""


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
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, " if "\n" in text else ""
        raise ValueError(f"JSON: {place}column {error.colno}: {error.msg.lower()}") from None
    except RecursionError:
        raise ValueError("JSON: nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
