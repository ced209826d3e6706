"""`start="launcher"`: a process without threads forks for one that has some."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Service, ServiceDied, ServiceStartError
from ipcm._os.process import identify
from ipcm.role.launcher import cool, launcher_pid, warm
from tests._os.processes import fds
from tests.helpers import gone, wait_until
from tests.role.arrivals import Adder, Importing, Where
from tests.role.threads import threads


@pytest.fixture
def threaded() -> Iterator[None]:
    with threads():
        yield


@pytest.fixture
def warmed() -> Iterator[int]:
    warm()
    pid = launcher_pid()
    assert pid is not None
    try:
        yield pid
    finally:
        cool()
        assert gone(pid)


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


def launched(name: str, *args: Any, **params: Any) -> Any:
    return ipcm.service(name, *args, start="launcher", **params)


def run_program(text: str, tmp_path: Path) -> tuple[str, str]:
    """Runs a script as the main program: what it prints, and its stderr."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(text))
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr


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
            wait_until(lambda: gone(worker), limit=2)


def present(bus: ipcm.Bus) -> list[str]:
    try:
        return bus.services()
    except ipcm.BusGone:
        return []


def children_of(pid: int | None) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


class TestWhatTravels:
    def test_local_classes_closures_and_what_they_use(self) -> None:
        factor = 3

        class Local(Where):
            def handle_request(self, request: Any, message: Any) -> Any:
                return helper(request.payload)

        def helper(value: int) -> int:
            return value * factor

        with launched("local", Local) as handle:
            assert handle.request(2) == 6
        noted: list[int] = []
        with launched("lambda", handle_request=lambda s, r, m: noted.append(1) or noted) as handle:
            assert handle.request(0) == [1]
        assert noted == []

    def test_a_lock_in_a_closure_is_named(self) -> None:
        lock = threading.Lock()

        def handle_request(service: Any, request: Any, message: Any) -> Any:
            return lock.locked()

        with pytest.raises(ServiceStartError, match="the name 'lock'") as failed:
            launched("lock", handle_request=handle_request)
        assert 'start="fork"' in str(failed.value)
        assert 'or start="launcher"' not in str(failed.value)
        assert ipcm.buses() == [] and launcher_pid() is None

    def test_the_parts_of_an_object_are_named(self) -> None:
        class Model:
            def __init__(self) -> None:
                self.weights = [1, threading.Lock()]

            def answer(self, service: Any, request: Any, message: Any) -> Any:
                return 1

        with pytest.raises(ServiceStartError, match=r"'weights' .*item 1"):
            launched("model", handle_request=Model().answer)

    def test_without_cloudpickle_it_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        with pytest.raises(ServiceStartError, match="cloudpickle is missing"):
            launched("lambda", handle_request=lambda s, r, m: 1)
        with launched("adder", Adder) as handle:
            assert handle.call("add", a=1) == 1

    def test_what_can_be_imported_needs_no_cloudpickle(self, tmp_path: Path) -> None:
        out, _ = run_program(
            """
            import sys, ipcm
            from tests.role.arrivals import Adder
            with ipcm.service("adder", Adder, start="launcher") as handle:
                print(handle.call("add", a=1), "cloudpickle" in sys.modules)
            """,
            tmp_path,
        )
        assert out == "1 False\n"

    def test_the_program_is_main_there_too(self, tmp_path: Path) -> None:
        out, err = run_program(
            """
            import os, pickle, sys, threading, ipcm
            print("once", flush=True)
            end = threading.Event()
            threading.Thread(target=end.wait).start()
            factor = 2

            class Row:
                def __init__(self, value): self.value = value

            def helper(value): return Row(value * factor)

            class Mine(ipcm.Service):
                def handle_request(self, request, message):
                    global factor
                    factor += 1
                    import __main__
                    again = pickle.loads(pickle.dumps(helper(request.payload)))
                    same = __main__.Mine is type(self) and isinstance(again, __main__.Row)
                    return [again.value, same, __main__.__file__ == sys.argv[0], os.getcwd()]

            with ipcm.service("mine", Mine) as handle:
                print(handle.request(1) == [3, True, True, os.getcwd()])
                print(handle.request(1)[0], factor)
            end.set()
            """,
            tmp_path,
        )
        assert (out, err) == ("once\nTrue\n4 2\n", "")


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
                assert bus.services() == ["one", "three"]

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


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


PROGRAM = """
import os, sys, threading, time, ipcm
from tests.role.arrivals import Busy
threading.Thread(target=threading.Event().wait, daemon=True).start()
info, end, mode = sys.argv[1:]
handle = ipcm.service("busy", Busy, bus=info, start=mode)
handle.send_request("busy", "be busy")
own = ipcm.service("own", ipcm.EchoService, start=mode)
from ipcm.role.launcher import launcher_pid
print(handle.service_pid, own.service_pid, launcher_pid() or "", flush=True)
sys.stdin.read() if end == "wait" else None
"""


@pytest.mark.parametrize("mode", ["fork", "exec", "launcher"])
@pytest.mark.parametrize("end", ["wait", "leave"])
def test_everything_ends_with_the_starter_whatever_it_does(end: str, mode: str) -> None:
    with ipcm.spawn() as bus:
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, bus.info, end, mode],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout is not None
            who = [identify(int(pid)) for pid in program.stdout.readline().split()]
            assert len(who) == 2 + (mode == "launcher")
            if end == "wait":
                program.kill()
        begun = time.monotonic()
        wait_until(lambda: not any(each.alive() for each in who), limit=5)
        # 1.5 s of grace, and then it is killed; the rest is the machine's.
        assert time.monotonic() - begun < 4
    wait_until(lambda: ipcm.buses() == [])


KEEPING = """
import sys, threading, ipcm
mode, whose = sys.argv[1:]
threading.Thread(target=threading.Event().wait, daemon=True).start()
bus = ipcm.spawn() if whose == "given" else None
handle = ipcm.service("kept", ipcm.EchoService, bus=bus, start=mode, keep=True)
guest = ipcm.service("guest", ipcm.EchoService, bus=handle.bus, start=mode)
print(guest.service_pid, handle.service_pid, handle.ipcm_info, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["fork", "exec", "launcher"])
@pytest.mark.parametrize("whose", ["given", "made"])
def test_one_that_is_kept_outlives_its_starter_with_its_bus(mode: str, whose: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEEPING, mode, whose],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        guest, kept, info = program.stdout.readline().split(" ", 2)
        program.kill()
    wait_until(lambda: gone(int(guest)))
    with ipcm.attach("kept", info.strip()) as handle:
        assert handle.request([1]) == [1]
        assert handle.service_pid == int(kept)
        handle.bus.shutdown()
    wait_until(lambda: gone(int(kept)))


def test_a_kept_service_ends_when_its_handle_is_closed() -> None:
    with ipcm.service("kept", Adder, keep=True) as handle:
        pid = handle.service_pid
    assert gone(pid)
    assert ipcm.buses() == []


class TestPreload:
    """Modules that a service has needed are in the launcher when the next one starts."""

    TEXT = """
        import os, pathlib
        from tests.role.arrivals import Where
        with open(os.environ["IPCM_TEST_LOG"], "a") as log:
            log.write(f"{os.getpid()}\\n")
        class Here(Where):
            version = VERSION
            def handle_request(self, request, message):
                return [self.version, os.getpid()]
    """

    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        log = tmp_path / "log"
        monkeypatch.setenv("IPCM_TEST_LOG", str(log))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return log

    def write(self, log: Path, version: int) -> Any:
        import importlib

        text = textwrap.dedent(self.TEXT).replace("VERSION", str(version))
        (log.parent / "preloaded_module.py").write_text(text + "#" * version)
        sys.modules.pop("preloaded_module", None)
        importlib.invalidate_caches()
        return importlib.import_module("preloaded_module").Here

    def importers(self, log: Path) -> list[int]:
        return [int(pid) for pid in log.read_text().split()]

    def test_a_module_is_imported_once_and_again_when_it_changed(self, log: Path) -> None:
        here = self.write(log, 1)
        try:
            warm()
            pid = launcher_pid()
            with launched("first", here) as first:
                assert first.request(0) == [1, first.child_pid]
                wait_until(lambda: pid in self.importers(log))
                assert self.importers(log) == [os.getpid(), first.child_pid, pid]
                with launched("second", here, bus=first.bus) as second:
                    assert second.request(0) == [1, second.child_pid]
                assert len(self.importers(log)) == 3
                changed = self.write(log, 2)
                with launched("third", changed, bus=first.bus) as third:
                    assert third.request(0) == [2, third.child_pid]
                    assert third.child_pid in self.importers(log)
                assert launcher_pid() == pid
                # It began anew, and still is its children's parent.
                os.kill(first.child_pid, signal.SIGKILL)
                with pytest.raises(ServiceDied, match="signal 9"):
                    first.wait(5)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()

    def test_other_surroundings_have_it_imported_again(
        self, log: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = self.write(log, 1)
        try:
            warm()
            pid = launcher_pid()
            with launched("first", here) as first:
                wait_until(lambda: pid in self.importers(log))
                monkeypatch.setenv("IPCM_TEST_OTHER", "1")
                with launched("second", here, bus=first.bus) as second:
                    assert second.child_pid in self.importers(log)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()

    def test_one_that_starts_threads_never_gets_into_it(self, log: Path) -> None:
        here = self.write(log, 1)
        with open(log.parent / "preloaded_module.py", "a") as file:
            file.write(
                "\nimport threading\n"
                "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
            )
        try:
            warm()
            pid = launcher_pid()
            for _ in range(2):
                with launched("first", here) as first:
                    assert first.child_pid in self.importers(log)
            assert pid not in self.importers(log)
        finally:
            sys.modules.pop("preloaded_module", None)
            cool()


def test_what_every_service_needs_is_in_the_launcher_before_it_is_asked(warmed: int) -> None:
    with launched("importing", Importing) as handle:
        assert handle.request(0) == []
