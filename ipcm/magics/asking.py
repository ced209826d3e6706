"""Requests from a cell: their bodies, and answers that nobody waits for."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Sequence
from html import escape
from typing import Any

from ipcm.console.payload import is_endpoint, parse_json, parse_request
from ipcm.errors import IPCMError, RemoteError, UsageError
from ipcm.magics.failing import add_remote_traceback, shortened
from ipcm.message import Response
from ipcm.role.handle import Handle, attach

__all__ = ["Pending", "parse_body", "payload_of"]


def parse_body(text: str, what: str) -> Any:
    """Reads JSON or a Python literal.

    Args:
        what: how an error names it.

    Raises:
        UsageError: it is neither.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        pass
    try:
        return parse_json(text.strip(), what)
    except UsageError as error:
        raise UsageError(f"{error}\nand it is no Python literal either") from None


def payload_of(words: Sequence[str], body: str | None) -> Any:
    """What `request` sends.

    Args:
        words: what follows the peer: an endpoint and its arguments, or a payload.
        body: the cell under the line; None where there is none.

    Raises:
        UsageError: something cannot be read, or there is too much of it.
    """
    first, rest = (words[0], words[1:]) if words else (None, ())
    named = first is not None and is_endpoint(first)
    if body is None or not body.strip():
        if named and len(rest) == 1 and not rest[0].startswith(("@", "-")):
            return _call(str(first), parse_body(rest[0], f"what is given to {first}"))
        if not named and first is not None and not rest and not first.startswith(("@", "-")):
            return parse_body(first, "the payload")
        return parse_request(words)
    if first is None:
        return parse_body(body, "the payload")
    if not named or rest:
        raise UsageError("the payload is in the line and in the cell: one of them is enough")
    return _call(first, parse_body(body, f"what is given to {first}"))


def _call(endpoint: str, args: Any) -> dict[str, Any]:
    if not isinstance(args, dict):
        raise UsageError(f"the arguments of {endpoint} are an object, not {args!r:.60}")
    return {"endpoint": endpoint, "args": args}


class Pending:
    """The answer to a request that was sent without waiting for it.

    Args:
        handle: connection of this request alone; closed when the answer has come.
        payload: what is asked. timeout: seconds after which the request fails.
    """

    def __init__(self, handle: Handle, payload: Any, timeout: float) -> None:
        self.peer = handle.service_name
        self._handle = handle
        self._response: Response | None = None
        self._explained = False
        self._id = handle.send_request(self.peer, payload, timeout=timeout)

    def done(self) -> bool:
        """Whether it has been answered, or has failed."""
        if self._response is None:
            self._keep(self._handle.get_response(self._id))
        return self._response is not None

    def result(self, timeout: float | None = None) -> Any:
        """The answer, waited for.

        Args:
            timeout: seconds to wait; None for as long as the request itself may take.

        Raises:
            RemoteError, PeerGone: how the request ended.
            RequestTimeout: so did it, or it is still open after `timeout` seconds.
        """
        if not self.done():
            self._handle.await_all_responses(timeout)
            self.done()
        response = self._response
        assert response is not None
        if response.exception is not None:
            self._explain(response.exception)
            raise shortened(response.exception)
        return response.payload

    def _explain(self, error: BaseException) -> None:
        """Adds what happened on the other side, the first time that somebody wants to know."""
        if isinstance(error, RemoteError) and not self._explained:
            self._explained = True
            with (
                contextlib.suppress(IPCMError),  # the service has gone since
                attach(self.peer, self._handle.ipcm_info, read_only=True) as handle,
            ):
                add_remote_traceback(error, handle)

    def close(self) -> None:
        """Gives up the request."""
        self._handle.close()

    def __repr__(self) -> str:
        state = "answered" if self._response is not None else "open"
        return f"<request {self._id} to {self.peer!r}, {state}>"

    def _repr_html_(self) -> str:
        if not self.done() or self._response is None:
            return f"<i>{escape(repr(self))}: <code>.result()</code> waits for it</i>"
        return self._response._repr_html_()

    def _keep(self, response: Response | None) -> None:
        if response is not None:
            self._response = response
            self._handle.close()
