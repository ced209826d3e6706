"""Requests and responses (seed: IPC::Manager::Role::Service::Requests)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from ipcm._core.envelope import RESPONSE
from ipcm._core.outcome import Outcome
from ipcm._core.requests import Callback
from ipcm.client import DEFAULT_TIMEOUT, Client
from ipcm.errors import (
    Backpressure,
    BusError,
    ContentError,
    ExtraResponse,
    IPCMError,
    MessageTooLarge,
    NoSuchPeer,
)
from ipcm.message import DEFERRED, Kind, Message, Request, Response
from ipcm.role.endpoints import BadRequest, endpoint_name
from ipcm.role.state import OpenRequest, ServiceState
from ipcm.role.text import error_text

if TYPE_CHECKING:
    import asyncio

__all__ = ["GENERIC_ERROR", "RequestsRole"]

GENERIC_ERROR = "Internal service error"
_NEVER: Final = math.inf
_REQUEST: Final = Kind.REQUEST
_NOT_TAKEN: Final = (NoSuchPeer, BusError, Backpressure)

_MOST_FORGOTTEN = 100_000


class RequestsRole:
    """Sends requests, and answers those that come in, each once.

    What it needs of the rest of the role is declared, not defined, here.
    """

    if TYPE_CHECKING:
        expose_error_details: bool

        _ipcm_state: ServiceState

        def client(self) -> Client: ...
        def handle_request(self, request: Request, message: Message) -> Any: ...
        def note_error(self, where: str, error: BaseException) -> None: ...
        def try_(self, callback: Callable[[], Any]) -> Outcome: ...
        def _ipcm_due(self) -> float: ...

    # Asking

    def send_request(
        self,
        peer: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> int:
        """Sends a request to a peer; see `Client.send_request`.

        Its response comes in a later turn: to `callback(response, message)`, else to
        `handle_response` where that is overridden, else it waits for `get_response`.

        Returns:
            The id of the request.
        """
        if callback is None and self._ipcm_hears_responses():
            callback = self.handle_response  # of failures too
        id = self.client().send_request(peer, payload, callback, timeout=timeout)
        self._ipcm_state.telemetry.sent += 1
        return id

    def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there; see `Client`."""
        return self.client().get_response(id)

    def _ipcm_hears_responses(self) -> bool:
        """Whether responses go to `handle_response`, and do not wait for `get_response`."""
        own = self.handle_response
        return getattr(own, "__func__", own) is not RequestsRole.handle_response

    def handle_response(self, response: Response, message: Message | None) -> None:
        """Called with each response whose request had no callback; override it.

        A request that failed comes with a response that is not `ok`, and no message. The default
        keeps the response for `get_response`.
        """
        self.client().requests.done[response.id] = response

    def run_on_response_message(self, message: Message) -> None:
        """A response came in: ends its request."""
        table = self.client().requests
        ending = table.answer(message)
        if ending is not None:
            ending.callback(ending.response, ending.message)
        elif (response := table.take(message.id)) is not None:
            self.handle_response(response, message)

    # Answering

    def open_requests(self, messages: Iterable[Message]) -> None:
        """Notes the requests among messages that came in: they want answers."""
        state = self._ipcm_state
        open, monotonic = state.open, state.clock.monotonic
        now = monotonic()
        for message in messages:
            if message.kind is not _REQUEST:
                continue
            deadline = _NEVER if message.timeout is None else now + message.timeout
            if deadline < state.next_expiry:
                state.next_expiry = deadline
            state.telemetry.received += 1
            open[message.sender, message.id] = OpenRequest(
                now, deadline, endpoint_name(message.content), message.incarnation
            )

    def run_on_request_message(self, message: Message) -> None:
        """A request came in: handles it, and answers unless that is deferred."""
        key = message.sender, message.id
        state = self._ipcm_state
        opened = state.open.get(key)
        if opened is None or opened.dispatched:
            return  # on_all answered it, or the asker is gone
        opened.dispatched = True
        try:
            result = self.handle_request(
                Request(message.id, message.content, message.sender), message
            )
        except Exception as error:  # noqa: BLE001 (see _ipcm_refuse)
            self._ipcm_refuse(key, error)
            return
        if type(result) is CoroutineType:
            if state.coroutines is None:
                from ipcm.role.coroutines import Coroutines

                state.coroutines = Coroutines(self._ipcm_due)
            state.coroutines.start(key, result)
        elif result is not DEFERRED and key in state.open:
            self.send_response(message.sender, message.id, result)
        else:
            self._ipcm_conclude(key, result)

    def _ipcm_conclude_coroutine(self, key: tuple[str, int], task: asyncio.Task[Any]) -> None:
        """The handler of a request was a coroutine, and has ended."""
        state = self._ipcm_state
        if task.cancelled():
            # By itself: its asker still waits. At the end of the service PeerGone tells it.
            if key in state.open and state.phase != "ending":
                self._ipcm_refuse(key, RuntimeError("the handler was cancelled"))
        elif (error := task.exception()) is None:
            self._ipcm_conclude(key, task.result())
        elif isinstance(error, Exception):
            self._ipcm_refuse(key, error)
        else:
            raise error

    def _ipcm_refuse(self, key: tuple[str, int], error: Exception) -> None:
        """The one place where a handler's failure becomes an answer: the service lives on."""
        if not isinstance(error, BadRequest):  # that is the asker's fault, and told to it
            self.note_error("handle_request", error)
        if key in self._ipcm_state.open:
            self.send_response(*key, None, self._ipcm_error_text(error))

    def _ipcm_conclude(self, key: tuple[str, int], result: Any) -> None:
        state = self._ipcm_state
        if result is DEFERRED:
            return
        if key in state.open or key in state.forgotten:
            self.send_response(*key, result)
        elif result is not None:
            self.note_error("handle_request", ExtraResponse(*key))

    def send_response(self, peer: str, id: int, response: Any, error: str | None = None) -> None:
        """Answers a request; where its asker has left or waits no more, nothing.

        Args:
            peer, id: whose, and which: `request.sender`, `request.id`.
            error: text of a failure; the asker gets a RemoteError.

        Raises:
            ExtraResponse: it was answered before, or never received.
        """
        state = self._ipcm_state
        opened = state.open.pop((peer, id), None)
        if opened is None:
            if state.forgotten.pop((peer, id), False):
                return  # counted as dropped when it was forgotten
            raise ExtraResponse(peer, id)
        state.answering = opened
        try:
            self.client().respond(peer, RESPONSE, id, response, error)
        except (ContentError, MessageTooLarge) as failure:
            self.note_error("send_response", failure)
            error = f"the response cannot be sent: {failure}"
            try:
                self.client().respond(peer, RESPONSE, id, None, error)
            except _NOT_TAKEN as not_taken:
                self._ipcm_drop_answer(peer, not_taken)
        except _NOT_TAKEN as not_taken:
            self._ipcm_drop_answer(peer, not_taken)
        finally:
            state.answering = None
        monotonic = state.clock.monotonic
        now = monotonic()
        state.telemetry.answered(
            now, now - opened.received, opened.endpoint, peer, error is not None
        )

    def _ipcm_drop_answer(self, peer: str, failure: IPCMError) -> None:
        """The asker is gone, and nobody waits; or it does not read."""
        self._ipcm_state.telemetry.drops += 1
        if isinstance(failure, Backpressure):
            # It asks and asks: dropping one answer in silence would leave it waiting, so it
            # loses its connection.
            self.client().port.cut(peer)

    def _ipcm_error_text(self, error: Exception) -> str:
        if self.expose_error_details or isinstance(error, BadRequest):
            return error_text(error) or type(error).__name__
        return GENERIC_ERROR

    def forget_requests(self, now: float) -> None:
        """Forgets requests whose askers have stopped waiting."""
        state = self._ipcm_state
        self._ipcm_forget([key for key, o in state.open.items() if o.deadline <= now])
        state.next_expiry = min((o.deadline for o in state.open.values()), default=math.inf)

    def forget_asker(self, peer: str, life: str) -> None:
        """Forgets the requests of a peer that left; those of its name's next life stay."""
        open = self._ipcm_state.open
        self._ipcm_forget([k for k, o in open.items() if k[0] == peer and o.life == life])

    def _ipcm_forget(self, keys: list[tuple[str, int]]) -> None:
        """Forgets open requests; an answer to one is no mistake, though nobody waits for it."""
        state = self._ipcm_state
        for key in keys:
            del state.open[key]
            state.forgotten[key] = True
        if state.coroutines is not None:
            state.coroutines.cancel(keys)
        state.telemetry.drops += len(keys)
        while len(state.forgotten) > _MOST_FORGOTTEN:
            del state.forgotten[next(iter(state.forgotten))]
