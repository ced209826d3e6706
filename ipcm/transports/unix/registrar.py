"""The registrar: one small process per bus that keeps who is there, and guards it.

No message passes through it. It knows a peer by its connection and by a descriptor of its
process, so that neither a zombie nor a reused pid, nor a sibling that still holds the dead
peer's sockets, is taken for it.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import time
from typing import Final

import msgspec

from ipcm._core.patience import LONGEST_WAIT
from ipcm._core.presence import (
    Answer,
    Detach,
    End,
    Ended,
    EndWith,
    Find,
    FromPeer,
    FromRegistrar,
    Leave,
    Listing,
    ListPeers,
    Ready,
    Register,
    Subscribe,
    Terminate,
    Want,
)
from ipcm._core.roster import Outgoing, Roster
from ipcm._os.limits import raise_file_limit
from ipcm._os.memory import scratch
from ipcm._os.process import ProcessIdentity, has_ended, identify, kill, open_pidfd
from ipcm._os.signals import ignore
from ipcm.errors import BusGone, ProtocolError
from ipcm.transports.unix.line import Line
from ipcm.transports.unix.listener import Listener
from ipcm.transports.unix.presence import encode_word
from ipcm.transports.unix.route import Route
from ipcm.transports.unix.sweep import Sweep
from ipcm.transports.unix.wards import Wards

__all__ = ["Registrar"]

_MOST_QUEUED: Final = 1 << 20
_OWNER_GRACE: Final = 1.0
_KILL_GRACE: Final = 1.0
_LONELY: Final = 1.5
"""Seconds: who replaces the last service of a bus without owner ends it before the next starts."""

_LEARNING: Final = 2.0
_MOST_STRANGERS: Final = 1024
_MOST_UNREAD: Final = 64
_READS: Final = 16
_LAST_READS: Final = 1024

_decode = msgspec.msgpack.Decoder(FromPeer).decode


class Registrar:
    """The driver around `Roster`.

    Args:
        route: the bus directory. listener: its bound socket `r`. lock: its held lock.
        owner: whose end ends the bus, or what lingers; or None.
        again: it follows one that died: peers that it does not know yet may live.
    """

    def __init__(
        self,
        route: Route,
        listener: socket.socket,
        lock: int,
        owner: ProcessIdentity | None,
        again: bool,
    ) -> None:
        self._route = route
        self._lock = lock
        self._roster = Roster()
        self._scratch = scratch(64 << 10)
        self._connections: dict[int, Line] = {}
        self._processes: dict[int, Line] = {}
        self._strangers: dict[int, Line] = {}
        self._unsent: dict[int, Line] = {}
        self._epoll = select.epoll()
        self._listener = Listener(listener, self._epoll)
        self._wards = Wards(self._epoll)
        self._deadline = math.inf
        self._again = again
        self._learning_until = time.monotonic() + _LEARNING if again else 0.0
        self._sweep = Sweep(route)
        if again:
            self._sweep.ask(time.monotonic(), _LEARNING)
        self._parked: list[tuple[int, Find]] = []
        self._killed = False
        self._ending = False
        self._enders: set[tuple[int, int]] = set()
        self._lingers = again and route.record().lingers
        self._orphaned = False
        self._lonely_until = math.inf
        self._owner_fd = -1
        if owner is not None:
            self._watch_owner(owner)

    def run(self) -> None:
        """Serves until the bus is to end, then removes it."""
        raise_file_limit()
        while not self._done():
            self._turn()
        for connection in list(self._connections.values()):
            self._send(connection, Ended())
        self._push()
        self._route.remove()

    # Turns

    def _turn(self) -> None:
        # Sockets before processes: what a peer said before it died is heeded first.
        died = []
        for fd, event in self._epoll.poll(self._next_wait()):
            if fd in self._processes:
                if has_ended(fd):
                    died.append(self._processes[fd])
            elif fd in self._connections:
                self._serve(self._connections[fd], event)
            elif fd == self._listener.fd:
                self._accept()
            elif fd == self._owner_fd:
                self._lose_owner()
            else:
                self._wards.ended(fd, time.monotonic())
        for connection in died:
            if self._connections.get(connection.fd) is connection:
                self._serve(connection, select.EPOLLIN, _LAST_READS)
                self._drop(connection)
        now = time.monotonic()
        self._keep_deadlines(now)
        self._push()
        if now >= self._sweep.due:  # tells nobody anything, and may take a while
            self._sweep.run(now, self._roster.peers.values())

    def _next_wait(self) -> float:
        """Seconds until the next deadline, for a poll; -1 where there is none."""
        soonest = min(
            self._deadline,
            self._listener.resume_at,
            self._lonely_until,
            self._wards.soonest,
            self._sweep.due,
        )
        for stranger in self._strangers.values():
            soonest = min(soonest, stranger.deadline)
            break  # the first has waited longest
        if self._parked:
            soonest = min(soonest, self._learning_until)
        if soonest == math.inf:
            return -1.0
        return min(max(soonest - time.monotonic(), 0.0), LONGEST_WAIT)

    def _keep_deadlines(self, now: float) -> None:
        """Does what was due by now; see `_next_wait`."""
        for stranger in list(self._strangers.values()):
            if stranger.deadline > now:
                break
            self._drop(stranger)
        self._listener.resume(now)
        if self._parked:
            self._answer_parked()
        if self._orphaned and not self._ending:
            self._linger(now)
        for ward in self._wards.overdue(now):
            self._kill(self._connections[ward])
        if now >= self._deadline:
            self._lose_patience(now)

    def _serve(self, connection: Line, event: int, reads: int = _READS) -> None:
        if event & select.EPOLLOUT:
            self._write(connection)
        # What more there is waits for the next turn: nobody keeps the others from being served.
        while connection.fd in self._connections and event & ~select.EPOLLOUT and reads > 0:
            reads -= 1
            try:
                size = connection.sock.recv_into(connection.reader.target)
                if not size:
                    self._drop(connection)
                    return
                for frame in connection.reader.fed(size):
                    if connection.fd not in self._connections:
                        return
                    self._heed(connection, _decode(frame))
                    self._strangers.pop(connection.fd, None)
                    if connection.unread > _MOST_UNREAD and connection.outbox.bytes > _MOST_QUEUED:
                        raise ProtocolError("it asks and does not read the answers")
            except BlockingIOError:
                return
            except (OSError, ProtocolError, msgspec.MsgspecError, RecursionError, UnicodeError):
                self._drop(connection)
                return

    def _heed(self, connection: Line, word: FromPeer) -> None:
        roster, fd = self._roster, connection.fd
        match word:
            case Register():
                self._register(connection, word)
            case Want():
                roster.want(fd, word)
            case Ready():
                self._tell(roster.ready(fd, word))
            case EndWith(process=process) if connection.pidfd >= 0:
                master = None if process is None else ProcessIdentity(*process)
                self._wards.put(fd, master, time.monotonic())
            case Find() if self._may_live(word.name):
                self._parked.append((fd, word))
            case Find():
                self._tell(roster.find(fd, word))
            case ListPeers() | Subscribe():
                self._tell(roster.list_peers(fd, word))
            case Leave():
                self._tell(roster.leave(fd, word))
                self._wards.drop(fd)  # its process may live on
                self._forget_process(connection)
            case Terminate():
                self._tell(roster.terminate())
            case Detach(seq=seq, lingers=lingers):
                self._lingers = lingers
                if not lingers:
                    self._forget_owner()
                # Also for the registrar that will follow, should this one die.
                with contextlib.suppress(BusGone, OSError):
                    self._route.unguard(lingers)
                self._tell([Outgoing(fd, Answer(seq))])
            case End(seq=seq, grace=grace, thread=thread):
                self._tell([Outgoing(fd, Answer(seq))])
                self._enders.add((connection.pid, thread))
                self._end(grace)

    def _may_live(self, name: str) -> bool:
        """Whether a name, unknown to this registrar, was known to the one before and listens."""
        return (
            time.monotonic() < self._learning_until
            and self._roster.holder(name) is None
            and self._route.somebody_else(name, "")
        )

    def _answer_parked(self) -> None:
        """Answers who sought a peer that has registered again by now, or never will."""
        over = time.monotonic() >= self._learning_until
        parked, self._parked = self._parked, []
        for fd, word in parked:
            if over or self._roster.holder(word.name) is not None:
                self._tell(self._roster.find(fd, word))
            else:
                self._parked.append((fd, word))

    def _register(self, connection: Line, word: Register) -> None:
        if self._ending:
            self._tell([Outgoing(connection.fd, Answer(word.seq, "the bus is ending"))])
            return
        connection.thread = word.thread
        if connection.pidfd >= 0:  # refused: it has a name
            self._tell(self._roster.register(connection.fd, word, connection.pid, time.time()))
            return
        try:
            # The descriptor is opened while the connection stands: the pid is still theirs.
            connection.pidfd = open_pidfd(identify(connection.pid))
        except ProcessLookupError:
            self._drop(connection)
            return
        except OSError as error:  # no descriptors are left
            text = f"the registrar of the bus cannot watch process {connection.pid}"
            self._tell([Outgoing(connection.fd, Answer(word.seq, f"{text}: {error.strerror}"))])
            return
        self._processes[connection.pidfd] = connection
        self._epoll.register(connection.pidfd, select.EPOLLIN)
        self._bury_holder(word.name)
        # A client that has been idle since the registrar before died registers again at its next
        # call, and finds its name to be its own.
        if self._again and self._route.somebody_else(word.name, word.incarnation):
            self._tell([Outgoing(connection.fd, Answer(word.seq, "taken", 0))])
            self._forget_process(connection)
            return
        self._tell(self._roster.register(connection.fd, word, connection.pid, time.time()))
        if connection.fd not in self._roster.peers:
            self._forget_process(connection)

    def _bury_holder(self, name: str) -> None:
        """A holder that has died this instant does not keep the name from its next life."""
        for connection in list(self._connections.values()):
            peer = self._roster.peers.get(connection.fd)
            if peer is not None and peer.name == name:
                if has_ended(connection.pidfd):
                    self._drop(connection)
                return

    # Connections

    def _accept(self) -> None:
        for sock, pid in self._listener.accept():
            connection = Line(sock, self._scratch, pid)
            self._connections[connection.fd] = connection
            if len(self._strangers) >= _MOST_STRANGERS:
                self._drop(next(iter(self._strangers.values())))
            self._strangers[connection.fd] = connection
            self._epoll.register(connection.fd, select.EPOLLIN)
            self._serve(connection, select.EPOLLIN)

    def _drop(self, connection: Line) -> None:
        if self._connections.get(connection.fd) is not connection:
            return  # dropped before; its number may be another's by now
        del self._connections[connection.fd]
        self._strangers.pop(connection.fd, None)
        peer = self._roster.peers.get(connection.fd)
        told = self._roster.leave(connection.fd)
        self._parked = [(fd, word) for fd, word in self._parked if fd != connection.fd]
        self._wards.drop(connection.fd)
        self._sweep.ask(time.monotonic())
        ended = connection.pidfd >= 0 and has_ended(connection.pidfd)
        self._forget_process(connection)
        self._epoll.unregister(connection.fd)
        connection.sock.close()
        if peer is not None:
            self._sweep.bury(peer, ended=ended)
        self._tell(told)

    def _forget_process(self, connection: Line) -> None:
        if connection.pidfd >= 0:
            del self._processes[connection.pidfd]
            self._epoll.unregister(connection.pidfd)
            os.close(connection.pidfd)
            connection.pidfd = -1

    def _tell(self, words: list[Outgoing]) -> None:
        said, frame = None, b""
        for fd, word in words:
            connection = self._connections.get(fd)
            if connection is None:
                continue
            if word is not said:  # most are told the same
                said, frame = word, encode_word(word)
            self._put(connection, word, frame)

    def _send(self, connection: Line, word: FromRegistrar) -> None:
        self._put(connection, word, encode_word(word))

    def _put(self, connection: Line, word: FromRegistrar, frame: bytes) -> None:
        if connection.outbox.bytes > _MOST_QUEUED and not hasattr(word, "seq"):
            # One that does not read: when it does again it is told to end, if it was to, and gets
            # the whole table.
            connection.stale = True
            connection.ending = connection.ending or isinstance(word, Terminate)
            return
        connection.outbox.put(frame)
        if hasattr(word, "seq"):
            connection.unread += 1
            # Behind all who have been told something: whoever has an answer goes on where they can
            # know of what it was for. Those whom only news are for keep their place before it.
            self._unsent.pop(connection.fd, None)
        self._unsent[connection.fd] = connection

    def _push(self) -> None:
        """Hands the kernel what was said in this turn.

        Where many come and go at once each of the others is woken once, and not for each of them.
        """
        while self._unsent:
            fd, connection = next(iter(self._unsent.items()))
            del self._unsent[fd]
            if self._connections.get(fd) is connection:
                self._write(connection)

    def _write(self, connection: Line) -> None:
        outbox = connection.outbox
        try:
            while outbox.bytes:
                outbox.taken(connection.sock.sendmsg(outbox.head()))
        except BlockingIOError:
            self._epoll.modify(connection.fd, select.EPOLLIN | select.EPOLLOUT)
            return
        except OSError:
            # Its end is seen, and told, at the read. Where the kernel had no memory it is none: a
            # peer that misses a word would never know, and so it is hung up on, and comes again.
            outbox.clear()
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.unread = 0
        self._epoll.modify(connection.fd, select.EPOLLIN)
        if connection.ending:  # before the table, behind which there may be no room
            connection.ending = False
            self._send(connection, Terminate())
        if connection.stale:
            connection.stale = False
            self._send(connection, Listing(0, list(self._roster.peers.values())))

    # The owner and the end

    def _watch_owner(self, owner: ProcessIdentity) -> None:
        try:
            self._owner_fd = open_pidfd(owner)
        except ProcessLookupError:
            self._lose_owner()
        else:
            self._epoll.register(self._owner_fd, select.EPOLLIN)

    def _lose_owner(self) -> None:
        if not self._lingers:
            self._end(_OWNER_GRACE)
            return
        self._forget_owner()
        self._orphaned = True

    def _linger(self, now: float) -> None:
        """Without owner the bus ends when it has had no service for a while."""
        if self._has_services():
            self._lonely_until = math.inf
        elif self._lonely_until == math.inf:
            self._lonely_until = max(now + _LONELY, self._learning_until)
        elif now >= self._lonely_until:
            self._lonely_until = math.inf
            self._end(0.0)

    def _forget_owner(self) -> None:
        if self._owner_fd >= 0:
            self._epoll.unregister(self._owner_fd)
            os.close(self._owner_fd)
            self._owner_fd = -1

    def _end(self, grace: float) -> None:
        self._forget_owner()
        self._deadline = min(self._deadline, time.monotonic() + grace)
        if not self._ending:
            self._ending = True
            self._tell(self._roster.terminate())

    def _done(self) -> bool:
        return self._ending and not self._has_services()

    def _has_services(self) -> bool:
        return bool(self._services())

    def _services(self) -> list[Line]:
        """Those that the bus waits for when it ends: all but who itself waits for that end."""
        peers = self._roster.peers.items()
        services = [self._connections[fd] for fd, peer in peers if peer.kind == "service"]
        return [each for each in services if (each.pid, each.thread) not in self._enders]

    def _kill(self, connection: Line) -> None:
        with contextlib.suppress(ProcessLookupError):
            kill(connection.pidfd)

    def _lose_patience(self, now: float) -> None:
        enders = {pid for pid, _ in self._enders}
        for connection in self._services():
            # Not even SIGKILL helped, or it would hit who waits: nothing more can be done.
            if self._killed or connection.pid in enders:
                self._drop(connection)
            else:
                self._kill(connection)
        self._killed = True
        self._deadline = now + _KILL_GRACE


def serve(
    route: Route,
    listener: socket.socket,
    lock: int,
    owner: ProcessIdentity | None,
    again: bool = False,
) -> None:
    """What the registrar's process runs: from start to the end of the bus."""
    # What a terminal sends to a whole group is for the program in front, not for the bus, which
    # others are on as well: one that Ctrl-Z has stopped would be no bus to them.
    ignore(signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
    Registrar(route, listener, lock, owner, again).run()


def main(path: str, pid: str, start: str, again: str, listener: int, lock: int) -> None:
    """What a registrar in a fresh interpreter runs."""
    # Whoever ends or interrupts his own group, as notebooks do, does not mean the bus.
    os.setsid()
    owner = ProcessIdentity(int(pid), int(start)) if int(pid) else None
    serve(Route(path), socket.socket(fileno=listener), lock, owner, again == "True")
