"""What can go wrong with a start: a clear error at the right side, and nothing left behind."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Service
from tests._os.processes import died, fds, read_all
from tests.helpers import gone, wait_until
from tests.role.consumers import Minimal, double


@pytest.fixture
def no_forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when the user has too many processes, which root never has."""

    def fail(*_: object, **__: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fail)
    monkeypatch.setattr(os, "posix_spawn", fail)
    yield
    monkeypatch.undo()


class FailingInit(Minimal):
    def __init__(self, **params: Any) -> None:
        raise ValueError("no such table")


class FailingHook(Minimal):
    def pre_fork_hook(self) -> None:
        raise ValueError("no such table")


class FailingAfter(Minimal):
    def post_fork_hook(self) -> None:
        raise ValueError("no such table")


class FailingStart(Minimal):
    def run_on_start(self) -> None:
        raise ValueError("no such table")


@pytest.mark.parametrize("maker", [FailingInit, FailingHook, FailingAfter, FailingStart])
def test_an_exception_on_the_way_is_told_with_its_traceback(maker: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(ipcm.ServiceStartError, match="no such table") as caught:
        ipcm.service("bad", maker)
    assert "ValueError: no such table" in caught.value.traceback
    assert caught.value.name == "bad"
    assert time.monotonic() - begun < 5
    assert ipcm.buses() == []


@pytest.mark.parametrize("mode", ["exec", "launcher"])
def test_also_in_a_process_that_was_not_forked_from_here(mode: str) -> None:
    with pytest.raises(ipcm.ServiceStartError, match="no such table") as caught:
        ipcm.service("bad", FailingInit, start=mode)
    assert "in __init__" in caught.value.traceback


def test_one_that_calls_itself_otherwise() -> None:
    """Whoever asked for it would look for it in vain."""

    class Stubborn(Service):
        name = property(lambda self: "mine")  # type: ignore[assignment]

    with pytest.raises(ipcm.UsageError, match="made a service named 'mine'"):
        ipcm.service("yours", Stubborn, handle_request=double)
    with ipcm.service("mine", Stubborn, handle_request=double) as handle:
        assert handle.request(2) == 4


@pytest.mark.parametrize("maker", [int, lambda **_: 5, 17])
def test_what_is_no_service(maker: Any) -> None:
    with pytest.raises((ipcm.UsageError, TypeError)):
        ipcm.service("bad", maker)
    assert ipcm.buses() == []


def test_start_is_not_intercepted() -> None:
    with pytest.raises(ipcm.ServiceStartError, match="no such table"):
        ipcm.service("bad", FailingStart, intercept_errors=True)
    with pytest.raises(ipcm.ServiceStartError, match="no such table"):
        ipcm.service("bad", handle_request=double, on_start=fail_to_start, intercept_errors=True)


def fail_to_start(service: Service) -> None:
    raise ValueError("no such table")


@pytest.mark.parametrize("end", ["exit", "kill", "alarm", "system_exit"])
@pytest.mark.parametrize("moment", ["post_fork_hook", "redirect", "run_on_start"])
def test_ended_before_it_is_ready(end: str, moment: str) -> None:
    def leave(service: Any) -> None:
        match end:
            case "exit":
                os._exit(3)
            case "system_exit":
                sys.exit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "alarm":
                os.kill(os.getpid(), signal.SIGALRM)

    said = {
        "exit": "exit code 3",
        "kill": "killed by signal 9",
        "alarm": "killed by signal 14",
        "system_exit": "SystemExit: 3",
    }
    maker = type("Leaving", (Minimal,), {moment: leave})
    with pytest.raises(ipcm.ServiceStartError, match=said[end]):
        ipcm.service("bad", maker, timeout=10)
    assert ipcm.buses() == []


def test_not_waited_for_it_is_known_at_once_that_it_failed() -> None:
    with ipcm.service("bad", FailingStart, wait=False) as handle:
        begun = time.monotonic()
        assert not handle.ready(30)
        assert time.monotonic() - begun < 5
        with pytest.raises(ipcm.ServiceDied, match="no such table") as caught:
            handle.wait(5)
        assert "in run_on_start" in caught.value.traceback


def test_a_nested_one_that_nobody_waits_for_tells_the_terminal(tmp_path: Path) -> None:
    terminal = tmp_path / "terminal"

    def start(service: Service) -> None:
        fd = os.open(terminal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(fd, 2)
        os.close(fd)
        ipcm.service("inner", FailingStart, wait=False)

    with ipcm.service("outer", handle_request=double, on_start=start):
        wait_until(lambda: "no such table" in terminal.read_text())


class TestTaken:
    def test_a_live_name(self) -> None:
        with ipcm.service("one", handle_request=double) as handle:
            with pytest.raises(ipcm.NameTaken, match="already has the name 'one'") as caught:
                ipcm.service("one", handle_request=double, bus=handle.bus)
            assert isinstance(caught.value, ipcm.ServiceStartError)
            assert caught.value.pid == handle.service_pid
            assert caught.value.name == "one"
            assert handle.request(1) == 2

    def test_at_the_same_time(self) -> None:
        with ipcm.spawn() as bus:
            handles = [
                ipcm.service("one", handle_request=double, bus=bus, wait=False) for _ in range(5)
            ]
            ready = [handle.ready(10) for handle in handles]
            assert sorted(ready) == [False] * 4 + [True]
            for handle, won in zip(handles, ready, strict=True):
                if not won:
                    with pytest.raises(ipcm.ServiceDied, match="already has the name"):
                        handle.wait(5)
                handle.close()

    def test_a_dead_one_is_free_at_once(self) -> None:
        with ipcm.spawn() as bus:
            for _ in range(3):
                handle = ipcm.service("phoenix", handle_request=double, bus=bus)
                os.kill(handle.service_pid, signal.SIGKILL)
                assert died(handle.service_pid)  # on a busy machine it may live on for a moment
                with ipcm.service("phoenix", handle_request=double, bus=bus) as again:
                    assert again.request(2) == 4
                handle.close()


class TestBuses:
    @pytest.mark.parametrize(
        ("bus", "error"),
        [
            ("nowhere", ipcm.NoSuchBus),
            ("/no/such/path", ipcm.NoSuchBus),
            ("", ipcm.NoSuchBus),
            ('["unix", "msgpack", "/no/such/path"]', ipcm.BusGone),
            ('["unix", "msgpack", "/etc/passwd"]', ipcm.BusError),
            ('["carrier pigeon", "msgpack", "/"]', ipcm.BadBusInfo),
            ('["unix", "pickle", "/"]', ipcm.BadBusInfo),
            ('["unix"', ipcm.BadBusInfo),
            ("[]", ipcm.BadBusInfo),
        ],
    )
    def test_wrong_info_name_or_path(self, bus: str, error: Any) -> None:
        """Raised where it was called, before there is a process."""
        with pytest.raises(error):
            ipcm.service("x", handle_request=double, bus=bus)
        with pytest.raises(error):
            ipcm.service("x", handle_request=double, ipcm_info=bus)
        with pytest.raises(error):
            ipcm.connect("x", bus)
        with pytest.raises(error):
            ipcm.attach("x", bus)

    def test_one_that_is_gone(self) -> None:
        bus = ipcm.spawn()
        bus.shutdown()
        with pytest.raises(ipcm.BusGone):
            ipcm.service("x", handle_request=double, bus=bus.info)
        with pytest.raises((ipcm.BusGone, ipcm.ServiceStartError), match="there is no bus at"):
            ipcm.service("x", handle_request=double, bus=bus)

    def test_given_twice(self) -> None:
        with ipcm.spawn() as bus, pytest.raises(ipcm.UsageError, match="once"):
            ipcm.service("x", handle_request=double, bus=bus, ipcm_info=bus.info)

    @pytest.mark.parametrize("signal", ["NOSUCH", "", 0, 999, object()])
    def test_a_signal_that_is_none(self, signal: Any) -> None:
        with pytest.raises(ipcm.NoSuchSignal):
            ipcm.spawn(signal=signal)
        with pytest.raises(ValueError, match="no signal"):
            ipcm.service("x", handle_request=double, on_sig={signal: double})
        assert ipcm.buses() == []


@pytest.mark.parametrize("sig", ["KILL", "STOP"])
def test_a_signal_that_cannot_be_caught(sig: str) -> None:
    with pytest.raises(ipcm.ServiceStartError, match=f"SIG{sig} cannot be caught"):
        ipcm.service("x", handle_request=double, on_sig={sig: double})


@pytest.mark.parametrize("name", ["", "_x", "a/b", "a\0b", "a\nb", " a", 5, None])
def test_a_bad_name(name: Any) -> None:
    with pytest.raises(ipcm.InvalidName):
        ipcm.service(name, handle_request=double)
    assert ipcm.buses() == []


class TestNoForks:
    def test_for_a_service(self, no_forks: None) -> None:
        with pytest.raises(ipcm.IPCMError, match="temporarily unavailable"):
            ipcm.service("x", handle_request=double)
        assert ipcm.buses() == []

    def test_for_a_service_on_a_bus_that_is_there(self, request: pytest.FixtureRequest) -> None:
        with ipcm.spawn() as bus:
            before = fds()
            request.getfixturevalue("no_forks")
            with pytest.raises(ipcm.ServiceStartError, match=r"no process for 'x'.*unavailable"):
                ipcm.service("x", handle_request=double, bus=bus)
            assert fds() == before
            assert bus.peers() == []

    def test_for_the_launcher(self, request: pytest.FixtureRequest) -> None:
        with ipcm.spawn() as bus:
            before = fds()
            request.getfixturevalue("no_forks")
            with pytest.raises(ipcm.ServiceStartError, match=r"no process for 'x'.*unavailable"):
                ipcm.service("x", ipcm.EchoService, bus=bus, start="launcher")
            assert fds() == before

    def test_for_a_worker(self) -> None:
        def start(service: Any, request: Any, message: Any) -> Any:
            def fail() -> int:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

            fork, os.fork = os.fork, fail
            try:
                with pytest.raises(ipcm.ServiceStartError, match="no process for the worker 'w'"):
                    ipcm.worker("w", lambda: None)
            finally:
                os.fork = fork
            return service.workers

        with ipcm.service("boss", handle_request=start) as handle:
            assert handle.request(0) == {}


def test_no_descriptors_left() -> None:
    """Whichever it is that is one too many: an error of ours or of the system, and no leak."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    holes = [os.open(os.devnull, os.O_RDONLY)]  # those below are taken then
    while holes[-1] < max(fds() - set(holes)):
        holes.append(os.dup(holes[0]))
    before, outcomes = fds(), []
    for more in range(1, 26):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(before) + more, hard))
        try:
            with ipcm.service("x", handle_request=double, timeout=10) as handle:
                outcomes.append(handle.request(4))
        except (ipcm.IPCMError, OSError) as error:
            outcomes.append(type(error))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert fds() == before
        assert ipcm.buses() == []
    for fd in holes:
        os.close(fd)
    assert outcomes[0] != 8
    assert outcomes[-1] == 8
    assert ipcm.ServiceStartError in outcomes


class TestTheHandle:
    def test_a_value_larger_than_a_pipe_reaches_it(self) -> None:
        large = "x" * 300_000
        with ipcm.service("x", handle_request=double) as handle:
            handle.terminate(large)
            assert handle.wait(10) == large
        with ipcm.spawn() as bus:
            handle = ipcm.service("x", handle_request=double, bus=bus)
            handle.terminate(large)
            handle.close(grace=30)  # it ends by itself, and is not killed while it tells this
            assert handle.wait(0) == large

    def test_a_traceback_larger_than_a_pipe(self, capfd: pytest.CaptureFixture[str]) -> None:
        def fail(service: Service, message: Any) -> None:
            raise ValueError("x" * 300_000 + "!")

        with ipcm.service("x", handle_request=double, on_general_message=fail) as handle:
            handle.client.send_message("x", 1)
            with pytest.raises(ipcm.ServiceDied, match="x!") as caught:
                handle.wait(10)
            assert len(caught.value.traceback) <= 32_000

    def test_once_closed_it_still_knows_how_it_ended(self) -> None:
        with ipcm.service("x", handle_request=double) as handle:
            handle.terminate(6)
        assert handle.wait() == 6
        assert handle.child_pid == handle.service_pid
        handle.close()
        handle.terminate()
        with pytest.raises(ipcm.UsageError, match="closed"):
            handle.request(1)
        with ipcm.service("y", handle_request=double) as handle:
            os.kill(handle.service_pid, signal.SIGKILL)
        with pytest.raises(ipcm.ServiceDied, match="killed by signal 9"):
            handle.wait()

    def test_in_a_forked_child(self) -> None:
        with ipcm.service("x", handle_request=double) as handle:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                told = []
                for use in (handle.ready, handle.wait, handle.terminate, lambda: handle.request(1)):
                    try:
                        use()  # type: ignore[operator]
                    except ipcm.WrongProcess:
                        told.append("refused")
                handle.close()
                os.write(write, " ".join(told).encode() + b"\n")
                os._exit(0)
            os.close(write)
            assert read_all(read, end=b"\n").split() == [b"refused"] * 4
            os.waitpid(child, 0)
            assert handle.request(2) == 4

    def test_a_stopped_service_is_killed_in_the_end(self) -> None:
        handle = ipcm.service("x", handle_request=double)
        pid = handle.service_pid
        os.kill(pid, signal.SIGSTOP)
        handle.close(grace=0.2)
        assert gone(pid)
        assert ipcm.buses() == []
