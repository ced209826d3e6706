"""A client that an event loop drives: it reads, writes and keeps time for it. No threads."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import inspect
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from ipcm._core.requests import Ending
from ipcm._os import here
from ipcm.client import Client
from ipcm.errors import BusGone, UsageError, WrongProcess
from ipcm.message import Message, Response

__all__ = ["Driven", "check_plain"]

_LOOK_AGAIN: Final = 0.005

_TURN: Final = 0.001
"""Seconds that a task may go on with what needs no waiting before the others have a turn. A turn
for each event would take ten times as long as fetching the event."""


class Driven(abc.ABC):
    """Waits for a client's descriptor and deadlines on the running loop.

    It reads while somebody waits for something or there is room for what comes in; else what
    comes waits in the kernel, and then with its sender, who is told so: memory stays bounded.

    Args:
        client: whose descriptor and deadlines these are; it belongs to this loop from now on.

    Raises:
        RuntimeError: no loop is running.
    """

    def __init__(self, client: Client) -> None:
        self._sync = client
        self._loop = asyncio.get_running_loop()
        self._replies: dict[int, asyncio.Future[Response]] = {}
        self._waiting: dict[asyncio.Future[bool], Callable[[], Any]] = {}
        self._reading = -1
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._batches = 0
        self._pushing = False
        self._turn_by = 0.0
        client.on_ending = self._end_request  # type: ignore[method-assign]
        self._settle()

    # What is driven

    @abc.abstractmethod
    def _pump(self) -> None:
        """Takes in what is there, without waiting."""

    @abc.abstractmethod
    def _is_full(self) -> bool:
        """Whether so much waits to be fetched that no more should be read meanwhile."""

    def _owes(self) -> bool:
        """Whether there is something to take in although nothing has come: a callback raised."""
        return self._sync.owes

    @abc.abstractmethod
    def _is_over(self) -> bool:
        """Whether the bus ended."""

    # Driving

    @contextlib.contextmanager
    def _entered(self) -> Iterator[Client]:
        """Every call of the client stands in one: it may have changed what the loop waits for."""
        self._check_loop()
        try:
            yield self._sync
        finally:
            self._settle()

    def _check_loop(self) -> None:
        if here.pid != self._sync.pid:
            raise WrongProcess(f"the client {self._sync.name!r}", self._sync.pid, here.pid)
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError(f"{self!r} belongs to another event loop: connect in this one")

    def _check_may_close(self) -> bool:
        """Whether its loop is there to close in; else that has ended, and any other will do.
        In a forked child it is the parent's, and left alone.

        Raises:
            UsageError: it belongs to another loop, which goes on waiting for it.
        """
        if self._loop.is_closed() or here.pid != self._sync.pid:
            return False
        self._check_loop()
        return True

    def _turn(self) -> None:
        try:
            self._pump()
        finally:
            self._settle()

    def _timed(self) -> None:
        self._timer, self._due = None, math.inf
        if self._wants_more():
            self._turn()
        else:
            self._sync.port.flush()
            self._settle()

    @contextlib.contextmanager
    def _batched(self) -> Iterator[None]:
        """In the block, what is sent in one turn of the loop leaves in one write.

        Where nothing in it awaits, that is at its end. Where something does, it may wait for an
        answer to what is held back.
        """
        with self._entered() as client:
            client.cork()
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            with self._entered() as client:
                client.uncork()

    def _push(self) -> None:
        self._pushing = False
        if not self._sync.disconnected:
            self._sync.port.push()
            self._listen()

    def _settle(self) -> None:
        """Wakes those who wait, and has the loop wait for what the client waits for now."""
        if self._batches and not self._pushing:
            self._pushing = True
            self._loop.call_soon(self._push)
        closing = self._sync.disconnected or self._is_over()
        if self._sync.disconnected:
            self._stop()
            self._fail(self._disconnected)
        elif closing:
            self._fail(self._ended)
        for future, ready in self._waiting.items():
            # Asked here: to wake one for what another waits for takes as long as a request.
            if not future.done() and ((met := bool(ready())) or closing):
                future.set_result(met)
        self._listen()

    def _listen(self) -> None:
        client = self._sync
        if client.disconnected:
            return
        port = client.port
        if self._wants_more():
            self._read(client.fileno())
            due = 0.0 if self._owes() else min(port.deadline, client.requests.soonest)
        else:
            self._read(-1)
            # Nothing is read, and what waits for the kernel has to go all the same.
            due = time.monotonic() + _LOOK_AGAIN if port.backlog() else math.inf
        if due < self._due:
            self._due = due
            if self._timer is not None:
                self._timer.cancel()
            left = max(due - time.monotonic(), 0.0)
            self._timer = self._loop.call_later(left, self._timed)

    def _wants_more(self) -> bool:
        return bool(self._replies or self._waiting) or not self._is_full()

    def _read(self, fd: int) -> None:
        if fd == self._reading:
            return
        if self._reading >= 0:
            self._loop.remove_reader(self._reading)
        if fd >= 0:
            self._loop.add_reader(fd, self._turn)
        self._reading = fd

    def _stop(self) -> None:
        """Waits for nothing any more; before the descriptor is closed."""
        self._read(-1)
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, math.inf

    def _disconnected(self) -> UsageError:
        return UsageError(f"{self!r} is disconnected")

    def _ended(self) -> BusGone:
        return BusGone(f"the bus at {self._sync.ipcm_info} ended")

    def _fail(self, error: Callable[[], Exception]) -> None:
        replies, self._replies = self._replies, {}
        for id, future in replies.items():
            self._sync.requests.forget(id)
            if not future.done():
                future.set_exception(error())  # each its own: it gets a traceback

    def _end_request(self, ending: Ending) -> None:
        try:
            ending.callback(ending.response, ending.message)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 (as asyncio does with its own callbacks)
            self._loop.call_exception_handler(
                {"message": f"the callback of a request of {self!r} failed", "exception": error}
            )

    # Waiting

    async def _take_turns(self) -> None:
        """The others have a turn, where that has been a while."""
        if time.monotonic() >= self._turn_by:
            await asyncio.sleep(0)
            self._turn_by = time.monotonic() + _TURN

    async def _ask(
        self, to: str, payload: Any, timeout: float | None, *, control: bool = False
    ) -> Response:
        """Sends a request and waits for its end; cancelled, it is forgotten.

        Returns:
            The response, also where the peer answered with an error, or where none came.
        """
        future: asyncio.Future[Response] = self._loop.create_future()

        def heard(response: Response, message: Message | None) -> None:
            del message
            if not future.done():
                future.set_result(response)

        with self._entered() as client:
            id = client.send_request(to, payload, heard, timeout=timeout, control=control)
            self._replies[id] = future
        try:
            return await future
        finally:
            # Whatever comes now comes late: it is counted, and nobody is told.
            self._replies.pop(id, None)
            client.requests.forget(id)

    async def _answer(
        self, to: str, payload: Any, timeout: float | None, *, control: bool = False
    ) -> Any:
        """Sends a request and waits; returns the payload, or raises what ended it."""
        response = await self._ask(to, payload, timeout, control=control)
        try:
            if response.exception is not None:
                raise response.exception
            return response.payload
        finally:
            del response  # what is raised knows this frame, and would be kept by it

    async def _control(self, to: str, verb: str, timeout: float | None, **args: Any) -> Any:
        """As `_answer`, of a word of the control plane to a service."""
        return await self._answer(to, [verb, args], timeout, control=True)

    async def _until(
        self, ready: Callable[[], Any], timeout: float | None, *, passing: bool = False
    ) -> bool:
        """Waits until something came that makes `ready` true; False where time is over first.

        Args:
            passing: that it has been true is enough. Else it still is: whoever was woken before
                may have taken what came.

        Raises:
            BusGone: the bus ended.
            UsageError: it was disconnected meanwhile.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not ready():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._is_over():
                raise self._ended()
            if self._sync.disconnected:
                raise self._disconnected()
            future: asyncio.Future[bool] = self._loop.create_future()
            self._waiting[future] = ready
            try:
                self._listen()
                await asyncio.wait([future], timeout=None if left == math.inf else left)
            finally:
                del self._waiting[future]
                self._turn_by = time.monotonic() + _TURN
            if passing and future.done() and future.result():
                return True
        return True


def check_plain(callback: object) -> None:
    """Raises UsageError where a callback would have to be awaited."""
    if inspect.iscoroutinefunction(callback):
        raise UsageError(f"a callback cannot be async: await the answer; got {callback!r:.100}")
