"""The registrar: it sees who dies, and is replaced when it dies itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.transports.base import PeerInfo
from ipcm.transports.unix import membership, presence, registrar
from ipcm.transports.unix.membership import Membership
from ipcm.transports.unix.presence import PresenceLink
from tests.helpers import gone, wait_until
from tests.role.consumers import Telling


class Watcher(Telling):
    """Tells whom it has seen come and go; asked to wait it does not answer."""

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        self.noted += delta.items()

    def handle_request(self, request: Any, message: Any) -> Any:
        return self.noted if request.payload is None else ipcm.DEFERRED


@contextlib.contextmanager
def idle(bus: Bus) -> Iterator[tuple[int, int]]:
    """A client in a process of its own that does nothing until it is told to call or to leave."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            client = bus.connect("idle")
            while os.read(read, 1) == b"c":
                client.peers()
            client.disconnect()
        finally:
            os._exit(0)
    try:
        yield pid, write
    finally:
        os.close(read)
        os.close(write)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def started_by(service: int | None) -> list[int]:
    """The processes that a service has started: what it puts in a dead registrar's place."""
    return list(map(int, Path(f"/proc/{service}/task/{service}/children").read_text().split()))


def kill_and_wait(keeper: int | None) -> None:
    """Kills a registrar, of whoever it is a child."""
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(keeper, 0)
    wait_until(lambda: gone(keeper))


class TestRegistrar:
    def test_what_a_terminal_sends_is_not_for_the_bus(self, bus: Bus) -> None:
        keeper = bus._record.keeper_pid
        assert keeper is not None and bus.presence() == []
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
            os.kill(keeper, number)
        status = Path(f"/proc/{keeper}/status").read_text()
        ignored = int(next(line for line in status.splitlines() if "SigIgn" in line).split()[1], 16)
        # Where no shell looks after the group of the tests, Ctrl-Z stops nobody anyway.
        assert ignored & 1 << signal.SIGTSTP - 1
        with bus.connect("somebody"):
            assert [peer.name for peer in bus.presence()] == ["somebody"]

    def test_a_killed_registrar_is_replaced_and_messages_flow_on(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        assert echo.request(1) == 1
        keeper = bus._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        assert echo.request(2) == 2
        os.waitpid(keeper, 0)
        with bus.connect("new") as client:
            assert client.request("echo", 3) == 3
        with pytest.raises(ipcm.ServiceStartError, match="already has the name"):
            ipcm.service("echo", ipcm.EchoService, bus=bus)
        assert echo.service_pid is not None
        os.kill(echo.service_pid, signal.SIGKILL)
        with pytest.raises((ipcm.PeerGone, ipcm.NoSuchPeer)):
            echo.request(4, timeout=5)

    def test_the_next_one_knows_what_observers_want(self, bus: Bus, echo: ipcm.Handle) -> None:
        keeper = bus._record.keeper_pid
        assert keeper is not None
        with bus.observe("new", rate=7) as observer:
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            assert echo.request(1) == 1
            wait_until(lambda: observer.poll() or observer.name in {p.name for p in bus.presence()})
            (wanting,) = [peer for peer in bus.presence() if peer.name == observer.name]
            assert wanting.wants is not None
            assert (wanting.wants.services, wanting.wants.rate) == (("new",), 7.0)

    def test_whoever_comes_before_there_is_another_waits_for_it(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        keeper = bus._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        assert ipcm.find_bus(bus.name).info == bus.info
        with bus.connect("new") as client:
            assert client.request("echo", 1) == 1
        assert bus.services() == ["echo"]

    def test_who_asks_it_when_it_has_just_died_is_answered_by_the_next(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        keeper = bus._record.keeper_pid
        assert keeper is not None
        with bus.connect("a") as a, bus.connect("b") as b:
            echo.request(1)
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            assert b.port.find("echo")[0] is not None
            assert {peer.name for peer in a.port.subscribe()} >= {"a"}
            everybody = sorted(["a", "echo", echo.name])
            # The handle registers again when it has heard of it.
            wait_until(lambda: echo.request(2) and sorted(b.peers()) == everybody)

    def test_who_has_asked_in_vain_does_not_wait_for_what_will_never_come(self, bus: Bus) -> None:
        with bus.connect("a") as a:
            kill_and_wait(bus._record.keeper_pid)
            with pytest.raises(ipcm.BusGone):
                a.peers()
            with pytest.raises(ipcm.BusGone):
                a.get_messages(20.0)

    def test_one_that_dies_when_it_has_just_answered_is_replaced(
        self, bus: Bus, echo: ipcm.Handle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its answer and its hang-up are read at once."""
        keeper = bus._record.keeper_pid
        assert keeper is not None
        wait = PresenceLink._wait

        def wait_and_kill(link: PresenceLink, timeout: float | None) -> bool:
            answered = wait(link, timeout)
            monkeypatch.undo()
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            return answered

        monkeypatch.setattr(PresenceLink, "_wait", wait_and_kill)
        with bus.connect("late") as late:
            wait_until(lambda: late.poll(0.01) or "late" in bus.peers())
            assert late.request("echo", 1) == 1

    @pytest.mark.parametrize("length", [1, 120])
    def test_an_idle_client_keeps_its_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, length: int
    ) -> None:
        # Also where its socket's path is too long for a socket address.
        place = tmp_path / ("d" * length)
        place.mkdir(mode=0o700)
        monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
        # The next registrar is forked from the service, which is forked from here.
        monkeypatch.setattr(registrar, "_LEARNING", 0.1)
        with (
            ipcm.spawn() as bus,
            ipcm.service("echo", ipcm.EchoService, bus=bus) as echo,
            bus.connect("idle") as idle,
        ):
            keeper = bus._record.keeper_pid
            assert keeper is not None
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            assert echo.request(1) == 1
            time.sleep(0.3)
            with pytest.raises(ipcm.NameTaken):
                bus.connect("idle")
            assert idle.request("echo", 1) == 1
            assert "idle" in bus.peers()

    @pytest.mark.parametrize("end", ["calls", "leaves", "dies", "stopped"])
    def test_one_that_makes_no_call_is_not_taken_for_dead(
        self, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        monkeypatch.setattr(registrar, "_LEARNING", 0.3)
        monkeypatch.setattr(membership, "_TRUST", 0.2)
        with (
            ipcm.spawn() as bus,
            ipcm.service("watcher", Watcher, bus=bus) as watcher,
            idle(bus) as (pid, go),
        ):
            wait_until(lambda: ["idle", 1] in watcher.request(None))
            if end == "stopped":
                os.kill(pid, signal.SIGSTOP)
            keeper = bus._record.keeper_pid
            assert keeper is not None
            os.kill(keeper, signal.SIGKILL)
            os.waitpid(keeper, 0)
            with pytest.raises(ipcm.RequestTimeout):
                watcher.request("wait", timeout=0.8)  # while the next one has come to know all
            known = watcher.request(None)
            assert [change for name, change in known if name == "idle"] == [1]
            if end in ("calls", "stopped"):
                os.kill(pid, signal.SIGCONT)
                os.write(go, b"c")
                wait_until(lambda: "idle" in bus.peers())
                assert watcher.request(None) == known
                os.write(go, b"l")
            elif end == "leaves":
                os.write(go, b"l")
            else:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: ["idle", -1] in watcher.request(None))
            told = [change for name, change in watcher.request(None) if name == "idle"]
            assert told == [1, -1]

    def test_an_absent_one_is_watched_also_where_the_next_registrar_dies_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where that is noticed while the port asks who is there, a descriptor is closed, and the
        process that is watched from then on is known by a descriptor of the same number.
        """
        monkeypatch.setattr(registrar, "_LEARNING", 0.3)
        monkeypatch.setattr(membership, "_TRUST", 0.2)
        settle = Membership.settle
        with (
            ipcm.spawn() as bus,
            ipcm.service("echo", ipcm.EchoService, bus=bus) as echo,
            idle(bus) as (pid, _),
            bus.connect("watcher") as watcher,
        ):
            port: Any = watcher.port
            port.subscribe()

            def known() -> set[str]:
                port.receive(0.01)
                return {peer.name for peer in port.peers()}

            wait_until(lambda: {"idle", "echo"} <= known())
            os.kill(pid, signal.SIGSTOP)

            def settle_late(members: Membership) -> list[PeerInfo]:
                monkeypatch.undo()
                for pid in started_by(echo.service_pid):
                    kill_and_wait(pid)
                return settle(members)

            monkeypatch.setattr(Membership, "settle", settle_late)
            kill_and_wait(bus._record.keeper_pid)
            wait_until(lambda: known() and Membership.settle is settle)
            assert "idle" in known()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: "idle" not in known())

    @pytest.mark.parametrize("resync", [False, True])
    def test_an_absent_one_that_comes_back_and_dies_leaves_once(
        self, monkeypatch: pytest.MonkeyPatch, resync: bool
    ) -> None:
        monkeypatch.setattr(registrar, "_LEARNING", 0.3)
        monkeypatch.setattr(membership, "_TRUST", 0.2)
        with (
            ipcm.spawn() as bus,
            ipcm.service("echo", ipcm.EchoService, bus=bus),
            idle(bus) as (pid, go),
            bus.connect("watcher") as watcher,
        ):
            port: Any = watcher.port
            port.subscribe()
            watcher.keep_changes = True
            wait_until(lambda: [watcher.poll(0.01)] and "idle" in watcher.peers())
            kill_and_wait(bus._record.keeper_pid)
            wait_until(lambda: [watcher.poll(0.01)] and port._absent._lives)
            watcher.changes.clear()
            os.write(go, b"c")
            wait_until(lambda: "idle" in {peer.name for peer in bus.presence()})
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: gone(pid))
            wait_until(lambda: "idle" not in {peer.name for peer in bus.presence()})
            # What the registrar tells of it comes a moment later than what its process does.
            (pidfd,) = port._absent._lives
            port._heed_end(pidfd, [])
            if resync:
                port._resync(port._members.list_peers(), [])
            watcher.poll()
            watcher.poll()
            told = [c.what for c in watcher.changes if c.peer and c.peer.name == "idle"]
            assert told == ["left"]
            assert "idle" not in watcher.peers()
            assert not port._dead

    @pytest.mark.parametrize("end", ["answers", "dies"])
    def test_it_is_waited_for_while_the_services_that_may_replace_it_are_busy(
        self, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        monkeypatch.setattr(membership, "_GIVE_UP", 0.2)
        monkeypatch.setattr(membership, "PATIENCE", 0.5)
        entered, enter = os.pipe()
        go, let = os.pipe()

        def busy(_service: Any, _request: Any, _message: Any) -> str:
            os.write(enter, b"e")
            return os.read(go, 1).decode()

        with (
            contextlib.ExitStack() as stack,
            ipcm.spawn() as bus,
            ipcm.service("busy", bus=bus, handle_request=busy) as service,
        ):
            for fd in (entered, enter, go, let):
                stack.callback(os.close, fd)
            client = service.client
            id = client.send_request("busy", None)
            os.read(entered, 1)
            kill_and_wait(bus._record.keeper_pid)
            until = time.monotonic() + 0.5
            while (left := until - time.monotonic()) > 0:
                client.poll(left)
            with pytest.raises(ipcm.BusGone, match="busy or stopped"):
                client.request("somebody", None)
            if end == "answers":
                os.write(let, b"a")
                assert client.await_response(id).payload == "a"
                wait_until(lambda: "busy" in bus.services())
            else:
                assert service.service_pid is not None
                os.kill(service.service_pid, signal.SIGKILL)
                with pytest.raises((ipcm.PeerGone, ipcm.BusGone)):
                    client.await_response(id)

    def test_nobody_waits_for_that_of_a_dead_bus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(presence, "_NEXT", 30.0)
        bus = ipcm.spawn("dead")
        keeper = bus._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        began = time.monotonic()
        with pytest.raises(ipcm.BusGone):
            bus.connect("late")
        assert ipcm.buses() == []
        assert time.monotonic() - began < 10
        assert not os.path.exists(bus.route)

    def test_an_unguarded_bus_outlives_its_owner(self) -> None:
        owner = os.fork()
        if owner == 0:
            ipcm.spawn("free", guard=False)
            os._exit(0)
        os.waitpid(owner, 0)
        bus = ipcm.find_bus("free")
        with bus.connect("visitor") as client:
            assert client.peers() == []
        keeper = bus._record.keeper_pid
        bus.shutdown()
        assert ipcm.buses() == []
        assert keeper is not None
        wait_until(lambda: gone(keeper))

    @pytest.mark.parametrize("again", [False, True])
    def test_a_bus_that_lingers_ends_with_its_last_service(
        self, again: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(registrar, "_LONELY", 4.0)
        owner = os.fork()
        if owner == 0:
            ipcm.spawn("lingering").unguard(lingers=True)
            signal.pause()
        wait_until(ipcm.buses)
        bus = ipcm.find_bus("lingering")
        keeper = bus._record.keeper_pid
        assert keeper is not None
        wait_until(lambda: not ipcm.find_bus("lingering").guarded)
        with ipcm.service("first", ipcm.EchoService, bus=bus):
            os.kill(owner, signal.SIGKILL)
            os.waitpid(owner, 0)
            if again:
                os.kill(keeper, signal.SIGKILL)
            with ipcm.service("second", ipcm.EchoService, bus=bus) as second:
                assert second.request(1) == 1
        # Who replaces the only service has the time to.
        with ipcm.service("third", ipcm.EchoService, bus=bus) as third:
            assert third.request(1) == 1
        wait_until(lambda: not ipcm.buses())
        wait_until(lambda: not os.path.exists(bus.route))

    @pytest.mark.slow
    def test_a_bus_that_lingers_stays_while_its_owner_does(self) -> None:
        with ipcm.spawn("lingering") as bus:
            bus.unguard(lingers=True)
            with ipcm.service("one", ipcm.EchoService, bus=bus):
                pass
            time.sleep(2.0)
            assert ipcm.buses()
        assert not ipcm.buses()

    def test_death_is_seen_fast(self, bus: Bus) -> None:
        with bus.observe() as observer:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                short = bus.connect("short")
                # Its own child has all that it has, and lives on.
                heir = os.fork()
                if heir:
                    os.write(write, f"{heir} {short.name}".encode())
                signal.pause()
            heir = int(os.read(read, 100).split()[0])
            os.close(read)
            os.close(write)
            wait_until(lambda: observer.poll() is not None and "short" in observer.presence)
            os.kill(child, signal.SIGKILL)
            before = time.monotonic()
            events = observer.poll(5)
            took = time.monotonic() - before
            sockets = os.listdir(f"{bus.route}/p")
            os.kill(heir, signal.SIGKILL)
            os.waitpid(child, 0)
            (event,) = events
            assert took < 3
            assert isinstance(event, ipcm.PeerEvent)
            assert (event.peer, event.change) == ("short", -1)
            assert not [each for each in sockets if each.startswith("short~")]

    def test_news_that_comes_beside_an_answer_waits_for_no_other_news(self, bus: Bus) -> None:
        with bus.connect("first") as client:
            port = client.port
            port.subscribe()
            with bus.connect("second"):
                # Its answer comes behind the word that the second has come.
                port._members.list_peers()  # type: ignore[attr-defined]
                assert port.deadline == 0
                began = time.monotonic()
                port.receive(5)
                assert time.monotonic() - began < 3
                assert [(c.what, c.peer and c.peer.name) for c in port.changes] == [
                    ("joined", "second")
                ]
