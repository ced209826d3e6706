"""`start="launcher"`: a process without threads forks for one that has some."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import struct
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Service, ServiceDied, ServiceStartError
from ipcm._os.child import reap
from ipcm._os.launcher import starter
from ipcm.role.launcher import cool, launcher_pid, warm
from tests._os.processes import fds
from tests.helpers import gone, wait_until
from tests.role.arrivals import Adder, Where
from tests.role.launching import children_of, launched


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forks of fresh interpreters fail while this file is there."""
    flag = tmp_path / "flag"
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, os\n"
        "def fork(fork=os.fork):\n"
        f"    if os.path.exists({str(flag)!r}):\n"
        "        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))\n"
        "    return fork()\n"
        "os.fork = fork\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return flag


@pytest.mark.usefixtures("threaded")
class TestInAProcessWithThreads:
    def test_auto_is_the_launcher_there(self) -> None:
        class Logging(Where):
            def handle_request(self, request: Any, message: Any) -> Any:
                import asyncio

                from tests.role.threads import HELD

                assert not HELD.locked()
                return [os.getppid(), threading.active_count(), asyncio.run(answer())]

        async def answer() -> str:
            return "answer"

        with ipcm.service("logging", Logging) as handle:
            assert handle.request(0) == [launcher_pid(), 1, "answer"]
            assert handle.child_pid == handle.service_pid
        assert launcher_pid() is None

    def test_the_registrar_comes_from_it_too(self) -> None:
        with ipcm.service("adder", Adder) as handle:
            (keeper,) = [pid for pid in children_of(launcher_pid()) if pid != handle.child_pid]
            assert handle.call("add", a=1) == 1
        assert gone(keeper)

    def test_without_a_launcher_a_registrar_is_started_afresh(self) -> None:
        with ipcm.spawn() as bus, ipcm.connect("one", bus) as client:
            assert client.peers() == []
            assert launcher_pid() is None

    def test_twenty_at_once(self) -> None:
        with ipcm.spawn() as bus, contextlib.ExitStack() as stack:
            handles = [
                stack.enter_context(ipcm.service(f"s{at}", Adder, bus=bus, wait=False))
                for at in range(20)
            ]
            for at, handle in enumerate(handles):
                assert handle.ready(30)
                assert handle.call("add", a=at, b=1) == at + 1
            assert len({handle.child_pid for handle in handles}) == 20

    def test_from_several_threads_at_once(self) -> None:
        answers: list[int] = []

        def start(at: int) -> None:
            with ipcm.service(f"s{at}", Adder, bus=bus) as handle:
                answers.append(handle.call("add", a=at))

        with ipcm.spawn() as bus:
            starters = [threading.Thread(target=start, args=(at,)) for at in range(6)]
            for thread in starters:
                thread.start()
            for thread in starters:
                thread.join()
        assert sorted(answers) == list(range(6))

    def test_inside_a_service_with_threads(self) -> None:
        class Outer(Where):
            def run_on_start(self) -> None:
                self.end = threading.Event()
                threading.Thread(target=self.end.wait, daemon=True).start()
                self.inner = ipcm.service("inner", Adder)

            def handle_request(self, request: Any, message: Any) -> Any:
                return [self.inner.call("add", a=4), self.inner.child_pid, launcher_pid()]

        with ipcm.service("outer", Outer, start="fork") as handle:
            answer, inner, launcher = handle.request(0)
            assert answer == 4
            assert launcher not in (None, os.getpid())
        wait_until(lambda: gone(inner) and gone(launcher))

    def test_a_service_with_threads_replaces_a_dead_registrar(self) -> None:
        class Noticing(Where):
            def run_on_start(self) -> None:
                threading.Thread(target=threading.Event().wait, daemon=True).start()

        with ipcm.spawn() as bus, ipcm.service("one", Noticing, bus=bus) as handle:
            assert handle.request(0)["pid"] == handle.service_pid
            keeper = bus._record.keeper_pid
            assert keeper is not None
            os.kill(keeper, signal.SIGKILL)
            wait_until(lambda: present(bus) == ["one"], limit=20)

    def test_workers(self) -> None:
        class Boss(Where):
            def run_on_start(self) -> None:
                self.worker = ipcm.worker("w", signal.pause)

            def handle_request(self, request: Any, message: Any) -> Any:
                return self.worker

        with ipcm.service("boss", Boss) as handle:
            worker = handle.request(0)
            os.kill(handle.service_pid, signal.SIGKILL)
            wait_until(lambda: gone(worker))


def present(bus: ipcm.Bus) -> list[str]:
    try:
        return bus.services()
    except ipcm.BusGone:
        return []


class TestStreams:
    def test_input_is_not_stolen_and_no_descriptor_too_many(self, warmed: int) -> None:
        held = os.open(os.devnull, os.O_RDONLY)
        os.set_inheritable(held, True)
        try:
            with launched("where", Where) as handle:
                told = handle.request(0)
        finally:
            os.close(held)
        assert told["stdin"] == os.devnull
        with launched("where", Where) as handle:
            assert len(handle.request(0)["fds"]) <= len(told["fds"])

    def test_a_session_of_its_own(self, warmed: int) -> None:
        with launched("adder", Adder) as handle:
            assert os.getsid(handle.child_pid) == warmed != os.getsid(0)
            os.killpg(os.getpgid(0), signal.SIGCONT)  # it reaches neither
            assert handle.call("add", a=1) == 1


class TestLives:
    def test_it_stays_when_it_was_warmed_and_ends_with_the_last_service_otherwise(self) -> None:
        warm()
        first = launcher_pid()
        with launched("adder", Adder):
            pass
        assert launcher_pid() == first
        cool()
        assert launcher_pid() is None and gone(first or 0)
        cool()
        with ipcm.spawn() as bus:
            one, two = launched("one", Adder, bus=bus), launched("two", Adder, bus=bus)
            pid = launcher_pid()
            one.close()
            assert launcher_pid() == pid
            two.close()
            assert launcher_pid() is None

    def test_services_live_on_when_it_ends(self) -> None:
        with launched("adder", Adder) as handle:
            cool()
            assert handle.call("add", a=1) == 1

    def test_exit_codes_come_through_it(self, warmed: int) -> None:
        with launched("where", Where) as handle:
            handle.terminate(7)
            assert handle.wait(5) == 7
        with launched("where", Where) as handle:
            handle.send_request("where", "exit")
            with pytest.raises(ServiceDied, match="exit code 5") as died:
                handle.wait(5)
            assert died.value.exit == 5

    def test_one_that_is_killed_while_it_tells_its_end(self, warmed: int) -> None:
        """Its pipe is full, and what it tells is cut short: nobody waits for that but who reads."""
        with ipcm.spawn() as bus, launched("talks", Where, bus=bus) as handle:
            handle.terminate("x" * 1_000_000)
            assert handle.process is not None
            report, _ = handle.process.filenos()
            most = fcntl.fcntl(report, fcntl.F_GETPIPE_SZ)
            wait_until(lambda: handle.client.flush(1.0) and waiting_in(report) >= most - 4096)
            os.kill(handle.service_pid or 0, signal.SIGKILL)
            wait_until(lambda: gone(handle.service_pid or 0))
            with launched("other", Where, bus=bus, timeout=5.0) as other:
                assert other.request(0)["starter"] == warmed
            with pytest.raises(ServiceDied, match="signal 9") as died:
                handle.wait(5)
            assert died.value.exit == -9

    def test_one_that_does_not_end_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also one that has not come to its beginning on a machine that is busy with others."""
        monkeypatch.setattr(starter, "_LEAVING", 0.2)
        with launched("adder", Adder) as handle:
            pid = launcher_pid()
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            cool()
            wait_until(lambda: gone(pid))
            assert handle.call("add", a=1) == 1

    def test_it_dies_and_its_services_live_on(self) -> None:
        with ipcm.spawn() as bus:
            one, two = launched("one", Where, bus=bus), launched("two", Where, bus=bus)
            before = launcher_pid()
            os.kill(before or 0, signal.SIGKILL)
            wait_until(lambda: gone(before or 0))
            assert one.request(0)["pid"] == one.service_pid
            with launched("three", Where, bus=bus) as three:
                assert three.request(0)["starter"] == launcher_pid() != before
            one.terminate(3)
            assert one.wait(5) == 3
            two.send_request("two", "exit")
            with pytest.raises(ServiceDied, match=r"the launcher.*has died") as died:
                two.wait(5)
            assert died.value.exit is None
            one.close()
            two.close()

    def test_killed_at_any_moment_it_is_started_again(self, warmed: int) -> None:
        with ipcm.spawn() as bus:
            for at in range(5):
                killer = threading.Timer(at * 0.002, kill, (launcher_pid(),))
                killer.start()
                with launched(f"s{at}", Adder, bus=bus) as handle:
                    assert handle.call("add", a=at) == at
                killer.join()

    def test_one_that_dies_while_it_is_looked_at_is_waited_for(
        self, warmed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look(pid: int, timeout: float) -> int | None:
            monkeypatch.setattr(starter, "reap", reap)
            found = reap(pid, timeout)
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return found

        monkeypatch.setattr(starter, "reap", look)
        assert launcher_pid() is None
        with pytest.raises(ProcessLookupError):
            os.kill(warmed, 0)

    def test_one_that_does_not_answer(self, warmed: int) -> None:
        with ipcm.spawn() as bus, launched("one", Adder, bus=bus):
            os.kill(warmed, signal.SIGSTOP)
            try:
                with pytest.raises(ServiceStartError, match="did not fork within"):
                    launched("two", Adder, bus=bus, timeout=0.2)
            finally:
                os.kill(warmed, signal.SIGCONT)
            with launched("three", Adder, bus=bus):
                # What was given up is killed, or has never been: nothing is left of it.
                wait_until(lambda: len(children_of(warmed)) == 2)
                wait_until(lambda: bus.services() == ["one", "three"])

    def test_no_process_to_be_had(self, failing: Path) -> None:
        """As when the user has too many of them: told at once, and the next one starts."""
        with ipcm.spawn() as bus:
            with launched("one", Adder, bus=bus):
                pid = launcher_pid()
                failing.write_text("")
                before = len(fds())
                with pytest.raises(ServiceStartError, match=r"no process for 'two'.*") as caught:
                    launched("two", Adder, bus=bus)
                assert caught.value.name == "two"
                assert isinstance(caught.value.__cause__, OSError)
                assert caught.value.__cause__.errno == errno.EAGAIN
                assert len(fds()) == before
                with pytest.raises(ServiceStartError, match="no process for 'two'"):
                    launched("two", Adder, bus=bus, wait=False)
                assert bus.services() == ["one"]
                failing.unlink()
                with launched("two", Adder, bus=bus) as handle:
                    assert handle.call("add", a=2) == 2
                assert launcher_pid() == pid
            failing.write_text("")
        with pytest.raises(ipcm.IPCMError, match="temporarily unavailable"):
            launched("alone", Adder)
        assert ipcm.buses() == []
        assert launcher_pid() is None

    def test_no_descriptors_to_be_had(self, warmed: int) -> None:
        with ipcm.spawn() as bus:
            with launched("one", Adder, bus=bus):
                soft, hard = resource.prlimit(warmed, resource.RLIMIT_NOFILE)
                highest = max(map(int, os.listdir(f"/proc/{warmed}/fd")))
                outcomes = set()
                for more in range(1, 12):
                    resource.prlimit(warmed, resource.RLIMIT_NOFILE, (highest + more, hard))
                    try:
                        launched("two", Adder, bus=bus, timeout=10).close()
                        outcomes.add("")
                    except ServiceStartError as error:
                        outcomes.add(str(error))
                resource.prlimit(warmed, resource.RLIMIT_NOFILE, (soft, hard))
                assert any("Too many open files" in each for each in outcomes), outcomes
                assert "" in outcomes
            wait_until(lambda: children_of(warmed) == [])
            with launched("three", Adder, bus=bus) as handle:
                assert handle.call("add", a=3) == 3
            assert launcher_pid() == warmed

    def test_a_service_that_is_not_ready_in_time_is_killed(self, warmed: int) -> None:
        with pytest.raises(ServiceStartError, match=r"not ready in|did not fork within"):
            launched("slow", Adder, on_start=lambda s: time.sleep(60), timeout=1)
        wait_until(lambda: children_of(warmed) == [])

    @pytest.mark.parametrize("starts", [10, pytest.param(100, marks=pytest.mark.slow)])
    def test_no_descriptor_is_leaked(self, warmed: int, starts: int) -> None:
        with ipcm.spawn() as bus:

            def start_one() -> Any:
                with launched("where", Where, bus=bus) as handle:
                    return len(handle.request(0)["fds"])

            start_one()
            at_start = (len(fds()), start_one())
            wait_until(lambda: len(children_of(warmed)) == 0)
            in_launcher = descriptors_of(warmed)
            for _ in range(starts):
                start_one()
            assert (len(fds()), start_one()) == at_start
            wait_until(lambda: descriptors_of(warmed) <= in_launcher)

    def test_a_forked_child_of_the_starter_has_nothing_of_it(self, warmed: int) -> None:
        def look(service: Service, request: Any, message: Any) -> Any:
            return [launcher_pid(), len(fds())]

        with ipcm.service("a", handle_request=look, start="fork") as handle:
            told, _ = handle.request(0)
            assert told is None


def kill(pid: int | None) -> None:
    with contextlib.suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def waiting_in(pipe: int) -> int:
    """Bytes that nobody has read yet."""
    (size,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(size)


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
