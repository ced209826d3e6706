"""Whom the registrar kills for not having ended with somebody else, and when."""

from __future__ import annotations

import math
import os
import select
import signal
from collections.abc import Iterator

import pytest

from ipcm._os.process import ProcessIdentity, identify
from ipcm.transports.unix.wards import Wards
from tests._os.processes import died, fds, sleeping

GRACE = 1.5


@pytest.fixture
def master() -> Iterator[ProcessIdentity]:
    """A process that lives until somebody ends it."""
    with sleeping() as pid:
        yield identify(pid)


def test_they_have_a_moment_from_its_end_on(master: ProcessIdentity) -> None:
    with select.epoll() as epoll:
        wards = Wards(epoll)
        for ward in (1, 2, 3):
            wards.put(ward, master, 0.0)
        wards.drop(3)
        assert epoll.poll(0) == [] and wards.soonest == math.inf
        assert not any(wards.ended(fd, 4.0) for fd in fds()), "it lives"
        os.kill(master.pid, signal.SIGKILL)
        ((fd, _),) = epoll.poll(10)
        assert not wards.ended(epoll.fileno(), 5.0), "another descriptor"
        assert wards.ended(fd, 5.0)
        assert wards.soonest == 5.0 + GRACE
        assert epoll.poll(0) == [] and not wards.ended(fd, 6.0), "it is told once"
        os.waitpid(master.pid, 0)
        wards.put(4, master, 6.0)  # has ended already
        wards.drop(2)  # ended by itself
        assert wards.soonest == 5.0 + GRACE
        assert wards.overdue(6.4) == []
        assert wards.overdue(6.5) == [1] and wards.soonest == 6.0 + GRACE
        assert wards.overdue(6.5) == []
        wards.put(4, None, 7.0)
        assert wards.soonest == math.inf and wards.overdue(math.inf) == []


def test_what_was_said_before_is_taken_back(master: ProcessIdentity) -> None:
    with select.epoll() as epoll:
        wards = Wards(epoll)
        wards.put(1, master, 0.0)
        wards.put(2, master, 0.0)
        wards.put(2, identify(), 0.0)
        wards.put(1, None, 0.0)
        os.kill(master.pid, signal.SIGKILL)
        assert died(master.pid)
        assert epoll.poll(0) == [] and wards.soonest == math.inf
        wards.drop(2)
