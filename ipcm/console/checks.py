"""What is wrong with what is typed for a service, before it is sent.

What a service describes of itself is a promise and no law: it says what is doubtful, and nobody
is kept from sending it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ipcm.console.json_text import locate
from ipcm.console.live import EndpointDescription, Live
from ipcm.console.payload import is_endpoint, loads, parse_argument, parse_signal_word
from ipcm.console.schema import Schema
from ipcm.errors import NoSuchSignal, UsageError

__all__ = ["Fault", "check_call", "check_request", "check_signal"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a parameter of a verb.

    Attributes:
        parameter: its name. item: which of its words, where it has many.
        start, end: which part of the word; an end of None is that of the word.
        missing: it is something that may still be typed. doubt: a service would say so.
    """

    parameter: str
    text: str
    start: int = 0
    end: int | None = None
    item: int | None = None
    missing: bool = False
    doubt: bool = False


def check_request(live: Live, values: Mapping[str, Any]) -> Iterable[Fault]:
    """Judges what `request` is given: the endpoint, its arguments, or the payload."""
    peer, first, body = values["peer"], values["endpoint"], values["json"]
    if not peer:
        return
    if first is None:
        yield Fault("endpoint", "an endpoint, or a payload as JSON, is missing", missing=True)
        return
    if not is_endpoint(first):
        yield from _json_faults("endpoint", first)
        if body is not None:
            yield Fault("json", "nothing can follow the payload; {...} and [...] are one word")
        return
    endpoint = yield from _find(live, peer, first)
    text = "{}" if body is None else body
    if _comes_from_elsewhere(text):
        return
    broken = list(_json_faults("json", text))
    yield from broken
    if broken:
        return
    args = loads(text)
    if not isinstance(args, dict):
        yield Fault("json", f"the arguments of {first} are a JSON object")
    elif endpoint and (fault := Schema.of(endpoint.parameters).fault(args)):
        path, problem = fault
        start, end = locate(text, path)
        missing = not path and body is None
        yield Fault("json", problem, start, end, missing=missing, doubt=True)


def check_call(live: Live, values: Mapping[str, Any]) -> Iterable[Fault]:
    """Judges what `call` is given: the endpoint, and each argument."""
    service, name = values["service"], values["endpoint"]
    if not service or not name:
        return
    endpoint = yield from _find(live, service, name)
    args: dict[str, Any] = {}
    items: dict[str, int] = {}
    for index, item in enumerate(values["arguments"]):
        try:
            key, value = parse_argument(item)
        except UsageError as error:
            key, equals, text = item.partition("=")
            faults = list(_json_faults("arguments", text, index, len(key) + 1)) if equals else []
            problem = str(error).partition("\n")[0]
            yield faults[0] if faults else Fault("arguments", problem, item=index)
            continue
        if key in args:
            yield Fault("arguments", f"{key} is given twice", 0, len(key), index)
        args[key] = value
        items[key] = index
    if endpoint and (fault := Schema.of(endpoint.parameters).fault(args)):
        path, problem = fault
        item = items.get(str(path[0])) if path else None
        yield Fault("arguments", problem, item=item, missing=item is None, doubt=True)


def check_signal(live: Live, values: Mapping[str, Any]) -> Iterable[Fault]:
    """Judges what `signal` is given: the name or number of a signal."""
    signal = values["signal"]
    if signal:
        try:
            parse_signal_word(signal)
        except NoSuchSignal as error:
            yield Fault("signal", str(error))


def _find(
    live: Live, service: str, name: str
) -> Generator[Fault, None, EndpointDescription | None]:
    """The endpoint; or what is doubtful about it."""
    about = live.description(service)
    found = about.endpoint(name) if about else None
    if about and about.endpoints and found is None:
        known = ", ".join(each.name for each in about.endpoints)
        yield Fault("endpoint", f"{service} has no endpoint {name!r}; it has {known}", doubt=True)
    return found


def _comes_from_elsewhere(text: str) -> bool:
    return text == "-" or text.startswith("@")


def _json_faults(
    parameter: str, text: str, item: int | None = None, at: int = 0
) -> Iterable[Fault]:
    if _comes_from_elsewhere(text):
        return
    try:
        loads(text)
    except json.JSONDecodeError as error:
        what = f"no JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        unfinished = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        yield Fault(parameter, what, at + error.pos, at + error.pos + 1, item, unfinished)
    except ValueError as error:
        yield Fault(parameter, f"no JSON: {error}", at, item=item)
    except RecursionError:
        yield Fault(parameter, "nested too deeply", at, item=item)
