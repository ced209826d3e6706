"""`call`: call an endpoint with arguments as key=value."""

from __future__ import annotations

from typing import Any

from ipcm.console.checks import check_call
from ipcm.console.completion import complete_endpoint, complete_parameter, complete_service
from ipcm.console.payload import parse_arguments
from ipcm.console.results import Value
from ipcm.console.verb import Argument, Context, Verb
from ipcm.role.handle import attach

__all__ = ["VERB"]

TIMEOUT = 30.0


def run(context: Context, service: str, endpoint: str, arguments: tuple[str, ...]) -> Value:
    """See `VERB`."""
    payload = {"endpoint": endpoint, "args": parse_arguments(arguments)}
    with attach(service, context.find_bus()) as handle:
        answer: Any = handle.request(payload, context.timeout or TIMEOUT)
    return Value(answer)


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
    timeout=TIMEOUT,
    check=check_call,
    format="json",
)
