"""This process's place on a bus under one peer name."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, Self

from ipcm._core.envelope import BROADCAST, CONTROL, GENERAL, REQUEST
from ipcm._core.outcome import Outcome
from ipcm._core.patience import check_seconds, check_timeout
from ipcm._core.requests import Callback, check_callable
from ipcm.connection import Connection, Stats
from ipcm.errors import (
    BusGone,
    ConcurrentUse,
    InvalidName,
    IPCMError,
    RemoteError,
    UsageError,
    WrongProcess,
)
from ipcm.message import Message, Response
from ipcm.transports.base import PeerInfo

__all__ = ["DEFAULT_TIMEOUT", "Client", "Stats"]

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a request waits where no time-out is given."""


class Client(Connection):
    """A connection to a bus; `ipcm.connect` makes one.

    It belongs to one process (`WrongProcess` elsewhere) and to one thread at a time
    (`ConcurrentUse`). Nothing is sent or received behind one's back: what the kernel has not
    taken goes out, and what came in is taken in, at the next call.

    Args:
        port: the place on the transport; the client closes it.
        info: of the bus.
        settle: whether responses end their requests as they come in; a service has them
            wait for their turn of its loop.

    Attributes:
        name: its peer name. pid: the process it belongs to. stats: messages read and sent.
        clock: what its time-outs are measured with.
    """

    @property
    def ipcm_info(self) -> str:
        """The info string of the bus."""
        return str(self._info)

    def fileno(self) -> int:
        """A descriptor that is readable when something came in; -1 once disconnected.

        What another call has taken in, as `flush` and `peers` do, waits for `get_messages`
        without making it readable: ask that first.
        """
        return -1 if self.disconnected else self.port.fileno()

    def __repr__(self) -> str:
        state = "disconnected" if self.disconnected else f"on {self._info.route}"
        return f"<Client {self.name!r} {state}>"

    # Sending

    def send_message(self, to: str, content: Any) -> int:
        """Sends a general message.

        Returning means queued: the kernel takes what it can at once, the rest goes on any
        later call. Only a response proves that somebody handled it.

        Returns:
            The message's id.

        Raises:
            NoSuchPeer, Backpressure, ContentError, MessageTooLarge, BusGone: nothing was queued.
        """
        outer = self._enter()
        try:
            return self._send(to, GENERAL, content)
        finally:
            self._inside = outer

    def try_message(self, to: str, content: Any) -> Outcome:
        """Sends like `send_message`; an Outcome says how it went, with the id as its `out`."""
        try:
            return Outcome(True, None, self.send_message(to, content))
        except IPCMError as error:
            if isinstance(error, WrongProcess | ConcurrentUse):
                raise
            return Outcome(False, error)

    def broadcast(self, content: Any) -> dict[str, Outcome]:
        """Sends to every peer but oneself and observers.

        Returns:
            An Outcome per peer.
        """
        results: dict[str, Outcome] = {}
        with self._entered():
            for peer in self.others():
                try:
                    results[peer.name] = Outcome(
                        True, None, self._send(peer.name, BROADCAST, content)
                    )
                except (IPCMError, OSError) as error:
                    results[peer.name] = Outcome(False, error)
        return results

    def requeue_message(self, message: Message) -> None:
        """Puts a message back: the next `get_messages` returns it, after what waits already."""
        with self._entered():
            self.inbox.append(message)

    def flush(self, timeout: float | None = None, *, besides: Collection[str] = ()) -> bool:
        """Waits (seconds; None: for ever) until the kernel has all that was sent.

        Args:
            besides: peers that are not waited for.

        Returns:
            False where the time-out came first.
        """
        timeout = check_timeout(timeout)
        with self._entered():
            return self._flush(timeout, besides)

    def _flush(self, timeout: float | None, besides: Collection[str] = ()) -> bool:
        deadline = math.inf if timeout is None else self.clock.monotonic() + timeout
        while not self.port.flush():
            if besides and all(name in besides for name in self.port.backlog()):
                break
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return False
            self.take_in(None if left == math.inf else left)
        return True

    @contextlib.contextmanager
    def batch(self) -> Iterator[Self]:
        """What is sent in the block leaves in as few writes as possible, at its end."""
        self.cork()
        try:
            yield self
        finally:
            self.uncork()

    # Receiving

    def get_messages(self, timeout: float | None = 0.0) -> list[Message]:
        """Takes what came in, in order per sender.

        Args:
            timeout: seconds to wait where nothing is there; None for ever.

        Raises:
            BusGone: nothing is there, and nothing will come.
        """
        timeout = check_timeout(timeout)
        with self._entered():
            self._pump_until(lambda: self.inbox, timeout)
            return self.take_inbox()

    def _pump_until(self, met: Callable[[], object], timeout: float | None) -> bool:
        """Takes in what is there, and what comes until a condition is met.

        Returns:
            False where the time-out came first.

        Raises:
            BusGone: nothing more will come.
        """
        deadline = math.inf if timeout is None else self.clock.monotonic() + timeout
        self.pump(0.0)
        while not met():
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return False
            self._check_bus()
            self.pump(None if left == math.inf else left)
        return True

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Takes in what came, and calls callbacks; waits at most `timeout` seconds for it.

        Returns:
            Whether messages wait for `get_messages`.
        """
        timeout = check_timeout(timeout)
        with self._entered():
            open = len(self.requests.open)
            self.pump(0.0)
            # What ended a request is something that came: the caller may wait for no more.
            if not self.inbox and timeout != 0 and len(self.requests.open) == open:
                self._check_bus()
                self.pump(timeout)
            return bool(self.inbox)

    # Requests

    def send_request(
        self,
        to: str,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        control: bool = False,
    ) -> int:
        """Sends a request.

        Args:
            callback: called once with `(response, message)` when it has ended; without one the
                response is kept for `get_response`.
            timeout: seconds after which it fails; None for never.

        Returns:
            The id of the request.

        Raises:
            NoSuchPeer: at once, where nobody of that name is there.
            Backpressure, ContentError, MessageTooLarge, BusGone: nothing was queued.
            UsageError: neither was it, for the callback or the time-out is none.
        """
        if callback is not None:
            check_callable(callback, "a callback")
        outer = self._enter()
        try:
            return self._ask(to, payload, timeout, callback, control)
        finally:
            self._inside = outer

    def _ask(
        self,
        to: str,
        payload: Any,
        timeout: float | None,
        callback: Callback | None = None,
        control: bool = False,
    ) -> int:
        # Before it is sent. Most are good floats, and there are many.
        if timeout is not None and not (type(timeout) is float and timeout >= 0.0):
            timeout = check_timeout(timeout)
        # Its age begins before it is written, for the other side may be the next to run.
        now = self.clock.monotonic()
        id = self._send(to, CONTROL if control else REQUEST, payload, timeout)
        life = self.port.outgoing[to].incarnation
        self.requests.add(id, to, life, now, timeout, callback, control)
        return id

    def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there; each is told once.

        Raises:
            UsageError: no such request is open, or it has a callback.
        """
        with self._entered():
            self._check_no_callback(id)
            response = self.requests.take(id)
            if response is None and self.requests.open:
                self.pump(0.0)
                response = self.requests.take(id)
            if response is None and id not in self.requests.open:
                raise UsageError(f"request {id} is not open: its response was fetched already")
            return response

    def await_response(self, id: int, timeout: float | None = None) -> Response:
        """Waits for the end of a request, at most `timeout` seconds (None: its own time-out).

        Returns:
            The response, also where the peer answered with an error.

        Raises:
            RequestTimeout, PeerGone: no response came.
            UsageError: no such request is open, or it has a callback.
        """
        if timeout is not None:
            timeout = check_timeout(timeout)
        outer = self._enter()
        try:
            response = self.requests.done.pop(id, None) or self._await(id, timeout)
        finally:
            self._inside = outer
        try:
            if response.exception is not None and not isinstance(response.exception, RemoteError):
                raise response.exception
            return response
        finally:
            del response  # what is raised knows this frame, and would be kept by it

    def _await(self, id: int, timeout: float | None) -> Response:
        table, open = self.requests, self.requests.open
        pending = open.get(id)
        if pending is None:
            raise UsageError(f"request {id} is not open: its response was fetched already")
        if pending.callback is not None:
            self._check_no_callback(id)
        deadline = math.inf if timeout is None else self.clock.monotonic() + timeout
        left = None
        while id in open:
            if timeout is not None:
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    self.pump(0.0, False, id)  # what is there already has come in time
                    if id in open:
                        raise table.time_out(id, timeout)
                    break
            if self.changes or self.disconnected:
                self._check_bus_for(id)
            self.pump(left, True, id)
        return table.done.pop(id)

    def await_settled(self, timeout: float | None = None) -> bool:
        """Waits (seconds; None: for ever) until no request is open, and calls their callbacks.

        Returns:
            False where the time-out came first.

        Raises:
            BusGone: it ended before.
        """
        timeout = check_timeout(timeout)
        with self._entered():
            return self._pump_until(lambda: self.settled, timeout)

    def request(
        self,
        to: str,
        payload: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        *,
        control: bool = False,
    ) -> Any:
        """Sends a request and waits for its answer.

        Args:
            timeout: seconds for the answer; None for ever. control: see `control`.

        Returns:
            The payload of the response.

        Raises:
            RemoteError: the peer answered with an error.
            RequestTimeout, PeerGone, NoSuchPeer: no answer came.
        """
        outer = self._enter()
        try:
            id = self._ask(to, payload, timeout, None, control)
            try:
                response = self._await(id, None)
            except BaseException:
                # An interrupt, or somebody else's callback: nobody comes for the answer.
                self.requests.forget(id)
                raise
        finally:
            self._inside = outer
        try:
            if response.exception is not None:
                raise response.exception
            return response.payload
        finally:
            del response  # what is raised knows this frame, and would be kept by it

    def call(self, to: str, endpoint: str, /, **args: Any) -> Any:
        """Calls an endpoint of a service and waits for what it returns; see `Handle.call`."""
        return self.request(to, {"endpoint": endpoint, "args": args})

    def control(self, to: str, verb: str, timeout: float | None, **args: Any) -> Any:
        """Says a word of the control plane to a service, and waits for what it answers."""
        return self.request(to, [verb, args], timeout, control=True)

    def _check_no_callback(self, id: int) -> None:
        if self.requests.has_callback(id):
            raise UsageError(f"the response of request {id} goes to its callback")

    def _check_bus_for(self, id: int) -> None:
        try:
            self._check_bus()
        except (BusGone, UsageError):
            self.requests.forget(id)
            raise

    # Who is there

    def peers(self) -> list[str]:
        """Names of the others: without oneself and without observers."""
        with self._entered():
            self.pump(0.0)  # who has left is known no more
            self._check_connected()
            return [peer.name for peer in self.others()]

    def others(self) -> list[PeerInfo]:
        """Who is in `peers`, as far as it is known: nothing is taken in for it."""
        return [
            peer for peer in self.port.peers() if peer.kind != "observer" and peer.name != self.name
        ]

    def peer_info(self, name: str) -> PeerInfo | None:
        """What the bus knows of a peer; None where it is not there."""
        if not isinstance(name, str):
            raise InvalidName(name, "a name is a str")
        with self._entered():
            self.pump(0.0)
            self._check_connected()
            found, _ = self.port.find(name)
            return found

    def peer_exists(self, name: str) -> bool:
        """Whether somebody of that name is on the bus."""
        return self.peer_info(name) is not None

    def peer_pid(self, name: str) -> int | None:
        """The process of a peer; None where it is not there."""
        peer = self.peer_info(name)
        return None if peer is None else peer.pid

    def peer_active(self, name: str, timeout: float | None = 0.0) -> bool:
        """Whether a peer is there and, if it is a service, ready.

        Args:
            timeout: seconds to wait for it; None for ever.
        """
        timeout = check_timeout(timeout)
        with self._entered():
            peer = self.peer_info(name)
            if peer is not None and peer.ready:
                return True
            if timeout == 0:
                return False
            self.port.subscribe()
            return self._pump_until(
                lambda: any(each.name == name and each.ready for each in self.port.peers()), timeout
            )

    # The end

    def disconnect(
        self, handler: Callable[[list[Message]], object] | None = None, *, flush: float = 5.0
    ) -> list[Message]:
        """Leaves the bus, after the kernel has taken what was sent. Repeatable.

        Args:
            handler: called with the messages that came in and were never fetched, if any.
            flush: seconds for what waits to be sent.

        Returns:
            Those messages.
        """
        flush = check_seconds(flush, "flush")
        if handler is not None:
            check_callable(handler, "a handler")
        if self.disconnected or os.getpid() != self.pid:
            self.disconnected = True
            return []
        with self._entered():
            try:
                self._flush(flush)
                self.pump(0.0)
            finally:
                self.disconnected = True
                self.port.close()
            unread = [m for m in self.take_inbox() if not m.is_terminate]
        if unread and handler is not None:
            handler(unread)
        return unread

    def suspend(self, expires_in: float | None = None) -> None:
        """Goes away for a while: the name stays taken, and mail is kept for `ipcm.reconnect`.

        Open requests are forgotten; the client cannot be used any more.

        Args:
            expires_in: seconds after which the peer has left for good; None for never.

        Raises:
            UnsupportedError: the transport keeps no mail.
        """
        expires_in = check_timeout(expires_in, "expires_in")
        with self._entered():
            self.pump(0.0)
            self._check_connected()
            self.port.suspend(expires_in, list(self.inbox))
            self.disconnected = True
            self.inbox.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def forget_after_fork(self) -> None:
        """Closes the descriptors in a forked child, and touches nothing else."""
        self.disconnected = True
        self.port.forget_after_fork()
