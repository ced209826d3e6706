"""The requests that a client has open, and how each one ends: exactly once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from ipcm.errors import IPCMError, PeerGone, RemoteError, RequestTimeout, UsageError
from ipcm.message import Message, Response

__all__ = ["Callback", "Ending", "RequestTable", "check_callable"]

Callback: TypeAlias = Callable[[Response, Message | None], object]


class _Pending(msgspec.Struct):
    peer: str
    life: str
    sent: float
    deadline: float
    timeout: float | None
    callback: Callback | None
    control: bool


class Ending(msgspec.Struct):
    """A request that ended: what its callback is called with."""

    callback: Callback
    response: Response
    message: Message | None


class RequestTable:
    """Open requests by id, and the responses that wait to be fetched.

    A response without callback is kept until `take` fetches it, `most_kept` at the most: a
    program that never fetches loses the oldest, counted in `dropped`.

    Attributes:
        dropped: late, duplicate, unknown and wrong-sender responses, and those never fetched.
        soonest: the time at which `expire` may have something to do; infinity if never.
    """

    def __init__(self, most_kept: int = 100_000) -> None:
        self.open: dict[int, _Pending] = {}
        self.done: dict[int, Response] = {}
        self.dropped = 0
        self._most_kept = most_kept
        self.soonest = math.inf

    def add(
        self,
        id: int,
        peer: str,
        life: str,
        now: float,
        timeout: float | None,
        callback: Callback | None,
        control: bool = False,
    ) -> None:
        """A request is on its way to one life (an incarnation) of a peer.

        Args:
            timeout: seconds; None for ever. control: it is for the control plane.
        """
        deadline = math.inf if timeout is None else now + timeout
        self.open[id] = _Pending(peer, life, now, deadline, timeout, callback, control)
        # A lower bound of all deadlines: it is recomputed only when it passes, so that neither
        # a request nor its answer pays for a heap that fills with what was answered long ago.
        if deadline < self.soonest:
            self.soonest = deadline

    def settle(self, id: int, sender: str, life: str, content: Any, error: str | None) -> bool:
        """Takes a response as `answer` does, but without a Message, where that can be.

        Returns:
            False where nothing was done: there is a callback to call, it is for the control
            plane, or something is wrong with it.
        """
        pending = self.open.get(id)
        if (
            pending is None
            or pending.callback is not None
            or pending.control
            or pending.peer != sender
            or pending.life != life
            or len(self.done) >= self._most_kept
        ):
            return False
        del self.open[id]
        failure = None if error is None else RemoteError(pending.peer, error)
        self.done[id] = Response(id, content, error, failure)
        return True

    def answer(self, message: Message) -> Ending | None:
        """A response came in; the Ending where there is a callback to call."""
        id = message.id
        pending = self.open.get(id)
        if pending is None or pending.peer != message.sender or pending.life != message.incarnation:
            self.dropped += 1
            return None
        del self.open[id]
        error = message.error
        failure = None if error is None else RemoteError(pending.peer, error)
        return self._end(pending, Response(id, message.content, error, failure), message)

    def expire(self, now: float) -> list[Ending]:
        """Ends what ran out of time."""
        if now < self.soonest:
            return []
        endings = []
        late = [id for id, pending in self.open.items() if pending.deadline <= now]
        for id in late:
            pending = self.open.pop(id)
            failure = _failure(id, RequestTimeout(pending.peer, pending.timeout or 0.0))
            endings.append(self._end(pending, failure, None))
        self.soonest = min((p.deadline for p in self.open.values()), default=math.inf)
        return [ending for ending in endings if ending]

    def gone(self, peer: str, life: str) -> list[Ending]:
        """Ends what waits for a peer that left; its last messages must have been read before.

        What was asked of the next life of its name goes on.
        """
        endings = []
        lost = [i for i, asked in self.open.items() if (asked.peer, asked.life) == (peer, life)]
        for id in lost:
            pending = self.open.pop(id)
            failure = _failure(id, PeerGone(peer))
            endings.append(self._end(pending, failure, None))
        return [ending for ending in endings if ending]

    def age(self, id: int, now: float) -> float | None:
        """Seconds since an open request was sent; None where it is not open."""
        pending = self.open.get(id)
        return None if pending is None else now - pending.sent

    def time_out(self, id: int, waited: float) -> RequestTimeout:
        """The caller's own patience ended before the request's: it is over all the same."""
        return RequestTimeout(self.open.pop(id).peer, waited)

    def is_control(self, id: int) -> bool:
        """Whether an open request is for the control plane, which is nobody's traffic."""
        pending = self.open.get(id)
        return pending is not None and pending.control

    def has_callback(self, id: int) -> bool:
        """Whether an open request has one."""
        pending = self.open.get(id)
        return pending is not None and pending.callback is not None

    def forget(self, id: int) -> None:
        """Nobody waits for this one any more."""
        self.open.pop(id, None)
        self.done.pop(id, None)

    def take(self, id: int) -> Response | None:
        """Fetches the response of a request without callback, once."""
        return self.done.pop(id, None)

    def _end(self, pending: _Pending, response: Response, message: Message | None) -> Ending | None:
        if pending.callback is not None:
            return Ending(pending.callback, response, message)
        self.done[response.id] = response
        if len(self.done) > self._most_kept:
            del self.done[next(iter(self.done))]
            self.dropped += 1
        return None


def _failure(id: int, error: IPCMError) -> Response:
    return Response(id, None, str(error), error)


def check_callable(value: object, what: str) -> None:
    """Raises UsageError where what somebody is to be called back with cannot be called."""
    if not callable(value):
        raise UsageError(f"{what} has to be callable, and this is {value!r:.100}")
