"""`call`: call an endpoint with arguments as key=value."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from ipcm.client import DEFAULT_TIMEOUT
from ipcm.console.checks import check_call
from ipcm.console.completion import complete_endpoint, complete_parameter, complete_service
from ipcm.console.payload import parse_argument, parse_arguments
from ipcm.console.results import Value
from ipcm.console.verb import Argument, Context, Verb
from ipcm.errors import RemoteError
from ipcm.role.handle import attach

__all__ = ["VERB"]

_NO_TEXT = re.compile(r"Expected `[^`]*\bstr\b[^`]*`, got")


def run(context: Context, service: str, endpoint: str, arguments: tuple[str, ...]) -> Value:
    """See `VERB`."""
    payload = {"endpoint": endpoint, "args": parse_arguments(arguments)}
    with attach(service, context.find_bus()) as handle:
        try:
            answer: Any = handle.request(payload, context.timeout or DEFAULT_TIMEOUT)
        except RemoteError as error:
            if advice := _advice(arguments, error.error):
                error.add_note(advice)
            raise
    return Value(answer)


def _advice(items: Sequence[str], why: str) -> str:
    """For who wrote a text that was read as JSON; else ""."""
    if not _NO_TEXT.search(why):
        return ""
    for item in items:
        key, value = parse_argument(item)
        if f"`$.{key}`" in why and not isinstance(value, str):
            quoted = json.dumps(item.partition("=")[2], ensure_ascii=False)
            return f"text that reads as JSON stands in quotes: {shlex.quote(f'{key}={quoted}')}"
    return ""


VERB = Verb(
    name="call",
    summary="Call an endpoint of a service with key=value arguments",
    group="Ask",
    run=run,
    result=object,
    arguments=(
        Argument("service", "Whom to ask.", complete=complete_service),
        Argument("endpoint", "What; `ipcm describe` lists them.", complete=complete_endpoint),
        Argument(
            "arguments",
            "key=value, where a value that is JSON is taken as such and any other as text; "
            "key:=JSON insists on JSON.",
            required=False,
            many=True,
            complete=complete_parameter,
        ),
    ),
    examples=(
        ("store search text=fork limit=5", "a text and a number"),
        ("store search 'text=\"5\"'", "a text that looks like a number"),
        ("store search text=fork limit:=5", "insisting on JSON"),
    ),
    timeout=DEFAULT_TIMEOUT,
    check=check_call,
    format="json",
)
