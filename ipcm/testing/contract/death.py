"""Peers that die, on buses whose peers have processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

import ipcm
from ipcm import Bus, Client
from ipcm.testing.contract.base import LIMIT, Base
from ipcm.testing.contract.presence import subscribed, told

__all__ = ["Death"]


@contextlib.contextmanager
def in_process(play: Callable[[], object]) -> Iterator[int]:
    """A child that plays a part and then sleeps until it is killed; its pid, once it sleeps."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = play()
            os.write(write, b"x")
            while kept is not signal:
                signal.pause()
        finally:
            os._exit(1)
    os.close(write)
    try:
        assert os.read(read, 1) == b"x", "it did not come to its part's end"
        yield pid
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Death(Base):
    """Seen once, after the last message that can be delivered."""

    @pytest.fixture
    def processes(self) -> None:
        """Skips where the transport has none."""
        self.need("processes")

    def speaker(self, bus: Bus, to: str, count: int) -> Client:
        """What a child does that has something to say."""
        client = bus.connect("dying")
        for n in range(count):
            client.send_message(to, n)
        return client

    @pytest.mark.usefixtures("processes")
    def test_its_last_words_come_before_its_departure(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a, in_process(lambda: self.speaker(bus, "a", 100)) as pid:
            os.kill(pid, signal.SIGKILL)
            got: list[int] = []
            deadline = time.monotonic() + LIMIT
            while not any(change.what == "left" for change in a.changes):
                assert time.monotonic() < deadline
                got += [message.content for message in a.get_messages(0.1)]
            assert got == list(range(100))
            a.poll(0.05)
            assert [change.what for change in a.changes] == ["joined", "left"]
            assert a.peers() == []

    @pytest.mark.usefixtures("processes")
    def test_a_request_to_it_ends(self, bus: Bus) -> None:
        with bus.connect("a") as a, in_process(lambda: bus.connect("dying")) as pid:
            id = a.send_request("dying", 1, timeout=None)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(ipcm.PeerGone):
                a.await_response(id, LIMIT)

    @pytest.mark.usefixtures("processes")
    def test_its_name_is_free_at_once(self, bus: Bus) -> None:
        with in_process(lambda: bus.connect("phoenix")) as pid:
            with pytest.raises(ipcm.NameTaken) as caught:
                bus.connect("phoenix")
            assert caught.value.pid == pid
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
            with bus.connect("phoenix") as client:
                assert client.peers() == []

    @pytest.mark.usefixtures("processes")
    def test_a_stopped_one_is_not_dead(self, bus: Bus) -> None:
        with subscribed(bus, "a") as a, in_process(lambda: bus.connect("stopped")) as pid:
            told(a, 1)
            os.kill(pid, signal.SIGSTOP)
            id = a.send_request("stopped", 1, timeout=0.1)
            with pytest.raises(ipcm.RequestTimeout):
                a.await_response(id)
            assert [change.what for change in a.changes] == ["joined"]
            assert a.peers() == ["stopped"]

    @pytest.mark.usefixtures("processes")
    def test_a_guarded_bus_ends_with_its_owner(self, serializer: str) -> None:
        name = f"guarded-{os.getpid()}"

        def own() -> Bus:
            return ipcm.spawn(name, transport=self.transport, serializer=serializer)

        with in_process(own) as pid:
            with ipcm.connect("a", name) as a:
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(ipcm.BusGone):
                    a.get_messages(LIMIT)
            deadline = time.monotonic() + LIMIT
            while any(bus.name == name for bus in ipcm.buses()):
                assert time.monotonic() < deadline
                time.sleep(0.01)
