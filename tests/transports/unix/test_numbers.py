"""Numbers of descriptors that go from one to another while a list of events is worked through."""

from __future__ import annotations

import math
import os
import select
import signal
from contextlib import closing

import ipcm
from ipcm import Bus
from ipcm._core.presence import Answer, Register
from ipcm._os.process import identify
from ipcm.transports.unix.presence import PresenceLink
from ipcm.transports.unix.route import Route
from ipcm.transports.unix.wards import Wards
from tests._os.processes import exit_of, fds, until_readable


class TestNumbers:
    def test_the_death_of_another_is_not_that_of_who_has_its_number_now(self, bus: Bus) -> None:
        keeper = bus._record.keeper_pid
        assert keeper is not None
        told, tell = os.pipe()
        heard, hear = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                client = ipcm.connect("x", bus.info)
                os.write(tell, b"1")
                os.read(heard, 1)
                client.port._members._link.close()  # type: ignore[attr-defined]
                os.write(tell, b"2")
                signal.pause()
            finally:
                os._exit(99)
        try:
            assert until_readable(told) and os.read(told, 1) == b"1"
            # The registrar finds at once: the end of a connection, a new one, the end of a process.
            os.kill(keeper, signal.SIGSTOP)
            os.write(hear, b"1")
            assert until_readable(told) and os.read(told, 1) == b"2"
            route = Route(bus.route)
            link = PresenceLink(route)
            with closing(route), closing(link):
                link.tell(Register(link.next_seq(), "y", "1" * 32, "client", True))
                os.kill(pid, signal.SIGKILL)
                assert exit_of(pid) == -signal.SIGKILL
                pid = 0
                os.kill(keeper, signal.SIGCONT)
                assert until_readable(link.fileno())
                link.read()
                assert link._answers == {1: Answer(1)}
                assert [peer.name for peer in bus.presence()] == ["y"]
                link.read()
                assert not link.lost
        finally:
            os.kill(keeper, signal.SIGCONT)
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            for fd in (told, tell, heard, hear):
                os.close(fd)

    def test_nor_is_it_that_of_whom_a_service_is_to_end_with(self) -> None:
        with select.epoll() as epoll:
            wards = Wards(epoll)
            before = fds()
            wards.put(1, identify(), 0.0)
            (number,) = fds() - before
            assert not wards.ended(number, 0.0)
            assert wards.soonest == math.inf
            wards.drop(1)
