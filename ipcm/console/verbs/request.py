"""`request`: ask a peer, and show what it answers."""

from __future__ import annotations

from typing import Any

from ipcm.client import DEFAULT_TIMEOUT
from ipcm.console.checks import check_request
from ipcm.console.completion import complete_asked, complete_body, complete_peer
from ipcm.console.payload import parse_request
from ipcm.console.results import Value
from ipcm.console.verb import Argument, Context, Verb
from ipcm.role.handle import attach

__all__ = ["VERB"]


def run(context: Context, peer: str, endpoint: str | None, json: str | None) -> Value:
    """See `VERB`."""
    words = [word for word in (endpoint, json) if word is not None]
    payload = parse_request(words, context.read_input)
    with attach(peer, context.find_bus()) as handle:
        answer: Any = handle.request(payload, context.timeout or DEFAULT_TIMEOUT)
    return Value(answer)


VERB = Verb(
    name="request",
    summary="Send a request to a peer and show the response",
    group="Ask",
    run=run,
    result=object,
    arguments=(
        Argument("peer", "Whom to ask.", complete=complete_peer),
        Argument(
            "endpoint",
            "A word that is an identifier other than true, false, null; anything else is the "
            "payload itself, as JSON.",
            required=False,
            json=True,
            complete=complete_asked,
        ),
        Argument(
            "json",
            "The endpoint's arguments, a JSON object.",
            required=False,
            json=True,
            complete=complete_body,
        ),
    ),
    doc="JSON may come from a file, as @FILE, or from standard input, as -.",
    examples=(
        ("store stats", "the endpoint `stats`, without arguments"),
        ('store search \'{"text": "fork"}\'', "with arguments"),
        ('store \'{"endpoint": "stats", "args": {}}\'', "this payload, as it is"),
        ("echo @payload.json", "the payload from a file"),
    ),
    timeout=DEFAULT_TIMEOUT,
    check=check_request,
    format="json",
)
