"""All connections of one port, in one epoll."""

from __future__ import annotations

import select
import socket

from ipcm._core.outbox import Buffer
from ipcm.errors import Backpressure
from ipcm.transports.base import Limits
from ipcm.transports.unix.link import Link

__all__ = ["Links", "dial"]


class Links:
    """Which link leads to whom, which wait for the kernel, and how much waits in all.

    Attributes:
        by_fd: every link. outgoing: name to the link that messages to it take.
        incoming: name to a link that it has dialled, and that messages to it may take, too.
        strangers: accepted, without their hello yet, oldest first.
        hot: the link that spoke last.
        corked: how often `cork` was called and not taken back.
        held: links with frames that wait for the end of that.
    """

    def __init__(self, epoll: select.epoll, limits: Limits) -> None:
        self.by_fd: dict[int, Link] = {}
        self.outgoing: dict[str, Link] = {}
        self.incoming: dict[str, Link] = {}
        self.strangers: dict[int, Link] = {}
        self.hot: Link | None = None
        self.corked = 0
        self._epoll = epoll
        self._limits = limits
        self._queued = 0
        self.held: list[Link] = []

    def add(self, link: Link) -> None:
        """Listens to a link from now on; closes it where that cannot be."""
        try:
            self._epoll.register(link.fd, select.EPOLLIN)
        except BaseException:
            link.sock.close()
            raise
        link.watched = select.EPOLLIN
        self.by_fd[link.fd] = link

    def add_stranger(self, link: Link) -> None:
        """An accepted link. Where too many have not said who they are, the oldest goes.

        (Turning the newest away let those who keep silent lock everybody else out.)
        """
        if len(self.strangers) >= self._limits.strangers:
            self.drop(next(iter(self.strangers.values())))
        self.add(link)
        self.strangers[link.fd] = link

    def introduced(self, link: Link, *, answered: bool = True) -> None:
        """A stranger has said who it is; where it is not `answered` on its link, by another."""
        del self.strangers[link.fd]
        if answered:
            self.incoming[link.name] = link

    def named(self, name: str) -> list[Link]:
        """Every link to any life of a peer."""
        return [link for link in self.by_fd.values() if link.name == name]

    def mute(self, link: Link) -> None:
        """Stops sending over a link; what the peer said before it hung up is still read."""
        link.outbox.clear()
        self._watch(link)
        self._lead_nowhere(link)

    def drop(self, link: Link) -> None:
        """Closes a link."""
        if self.by_fd.get(link.fd) is not link:
            return  # dropped before; its number may be another's by now
        del self.by_fd[link.fd]
        self.strangers.pop(link.fd, None)
        self._lead_nowhere(link)
        if self.hot is link:
            self.hot = None
        self._epoll.unregister(link.fd)
        link.sock.close()

    def _lead_nowhere(self, link: Link) -> None:
        for leading in (self.outgoing, self.incoming):
            if leading.get(link.name) is link:
                del leading[link.name]

    def close(self) -> None:
        """Closes all of them, and nothing else."""
        for link in self.by_fd.values():
            link.sock.close()
        self.by_fd.clear()
        self.outgoing.clear()
        self.incoming.clear()

    # What the kernel has not taken

    def hold(self, link: Link, frame: Buffer) -> None:
        """Keeps a frame until the kernel takes it, or until `uncork`, where there is room.

        Raises:
            Backpressure: it is too much for a peer, or for all.
        """
        size, limits = len(frame), self._limits
        # Looked at here too: most have room, and a call takes as long as that.
        if link.outbox.bytes + size > limits.peer or self._queued + size > limits.process:
            self.check_room(link, size)
        link.outbox.put(frame)
        self._queued += size
        if not link.dirty:
            self._note(link)

    def check_room(self, link: Link, size: int) -> None:
        """Raises Backpressure where so much more would be too much for a peer, or for all."""
        limits = self._limits
        if link.outbox.bytes + size > limits.peer:
            raise Backpressure(link.name, link.outbox.bytes, limits.peer)
        if self._queued + size <= limits.process:
            return
        self._queued = sum(each.outbox.bytes for each in self.by_fd.values())
        if self._queued + size > limits.process:
            raise Backpressure(link.name, self._queued, limits.process)

    def queue(self, link: Link, frame: Buffer) -> None:
        """As `hold`, of what has to be kept: the rest of a frame that is begun."""
        link.outbox.put(frame)
        self._queued += len(frame)
        self._note(link)

    def _note(self, link: Link) -> None:
        """Something waits now: for the kernel, or for `uncork`."""
        if not self.corked:
            self._watch(link)
        elif not link.dirty:
            link.dirty = True
            self.held.append(link)

    def write(self, link: Link) -> None:
        """Hands the kernel what it takes."""
        if link.write():
            self._watch(link)
        else:
            self.mute(link)

    def uncork(self) -> None:
        """See `Port.uncork`."""
        self.corked -= 1
        if not self.corked:
            self.push()

    def push(self) -> None:
        """See `Port.push`."""
        held, self.held = self.held, []
        for link in held:
            link.dirty = False
            # One that was dropped meanwhile may have left its number to another.
            if self.by_fd.get(link.fd) is link:
                self.write(link)

    def waiting(self) -> list[Link]:
        """The links for which the kernel has not taken everything."""
        return [link for link in self.by_fd.values() if link.outbox.bytes]

    def _watch(self, link: Link) -> None:
        wanted = select.EPOLLIN | (select.EPOLLOUT if link.outbox.bytes else 0)
        if wanted != link.watched:
            self._epoll.modify(link.fd, wanted)
            link.watched = wanted


def dial(address: str) -> socket.socket:
    """Connects to a listener, without waiting.

    Raises:
        BlockingIOError: so many wait to be accepted there that there is no room.
        OSError: nobody listens.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
