"""Hooks: when each is called, where, and what becomes of an error in it."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Activity, Service
from tests.helpers import wait_until
from tests.role.consumers import Telling, double, pipe_text


def test_what_is_called_where_and_in_which_order() -> None:
    read, write = os.pipe()
    starter = os.getpid()

    class Ordered(Telling):
        def tell(self, what: str) -> None:
            where = "starter" if os.getpid() == starter else "service"
            os.write(write, f"{what}:{where} ".encode())

        def pre_fork_hook(self) -> None:
            self.tell("pre_fork")

        def post_fork_hook(self) -> None:
            self.tell("post_fork")

        def set_pid(self, pid: int) -> None:
            super().set_pid(pid)
            self.tell("set_pid")

        def redirect(self) -> None:
            self.tell("redirect")

        def run_on_start(self) -> None:
            self.tell("start")
            ipcm.worker("w", lambda: None)

        def run_on_general_message(self, message: ipcm.Message) -> None:
            self.tell("message")
            self.terminate(5)

        def run_should_end(self) -> bool:
            return False

        def run_on_cleanup(self) -> None:
            self.tell("cleanup")

    try:
        with ipcm.service("ordered", Ordered) as handle:
            handle.client.send_message("ordered", 1)
            assert handle.wait(5) == 5
    finally:
        told = pipe_text(read, write).split()
    assert told == [
        "pre_fork:starter",
        "post_fork:service",
        "set_pid:service",
        "redirect:service",
        "start:service",
        "pre_fork:service",
        "message:service",
        "cleanup:service",
    ]


def test_post_fork_as_a_callback() -> None:
    def moved(service: Any) -> None:
        service.noted.append(os.getpid())

    with ipcm.service("moved", Telling, post_fork=moved) as handle:
        assert handle.request(0) == [handle.child_pid]


class TestOutput:
    def test_redirected_output_and_debug_to_the_original(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        log = tmp_path / "log"

        class Redirecting(Telling):
            def redirect(self) -> None:
                fd = os.open(log, os.O_WRONLY | os.O_CREAT)
                os.dup2(fd, 1)
                os.dup2(fd, 2)
                os.close(fd)

            def run_on_start(self) -> None:
                os.write(1, b"out ")
                os.write(2, b"err")
                self.debug("to the", "terminal")

        with ipcm.service("quiet", Redirecting) as handle:
            assert handle.request(0) == []
        assert log.read_text() == "out err"
        assert "to the terminal\n" in capfd.readouterr().err

    @pytest.mark.parametrize("stream", ["stderr", "stdout"])
    def test_given_streams(self, stream: str, tmp_path: Path) -> None:
        with open(tmp_path / "log", "w") as file:
            io = {stream: file}
            service = Service("n", "i", handle_request=double, orig_io=io)
            service.debug("one", 2)
        service.debug("into a closed file: nobody to tell")
        assert (tmp_path / "log").read_text() == "one 2\n"

    def test_stderr_comes_before_stdout(self, tmp_path: Path) -> None:
        with open(tmp_path / "err", "w") as err, open(tmp_path / "out", "w") as out:
            service = Service("n", "i", handle_request=double)
            service.orig_io = {"stdout": out, "stderr": err}
            service.debug("x")
        assert (tmp_path / "err").read_text() == "x\n"
        assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(("posix_exit", "ran"), [(False, "service"), (True, "")])
def test_exit_callbacks_of_the_service_and_never_the_starter_s(posix_exit: bool, ran: str) -> None:
    read, write = os.pipe()

    def tell(who: bytes) -> None:
        os.write(write, who)

    atexit.register(tell, b"starter")
    try:
        with ipcm.service(
            "exiting",
            handle_request=double,
            use_posix_exit=posix_exit,
            on_start=lambda service: atexit.register(tell, b"service") and None,
        ) as handle:
            handle.terminate()
            assert handle.wait(5) == 0
    finally:
        atexit.unregister(tell)
        assert pipe_text(read, write) == ran


class TestTurns:
    def test_timed_turns_come_at_the_cycle(self) -> None:
        ends = time.monotonic() + 5

        def third(service: Any) -> bool:
            service.noted.append(time.monotonic())
            return len(service.noted) == 4 or time.monotonic() > ends

        class Cycling(Telling):
            cycle = 0.05
            interval = 60

            def run_on_cleanup(self) -> None:
                gaps = [b - a for a, b in zip(self.noted, self.noted[1:], strict=False)]
                os.write(write, repr(gaps).encode())

        read, write = os.pipe()
        try:
            with ipcm.service("cycling", Cycling, should_end=third) as handle:
                assert handle.wait(6) == 0
        finally:
            gaps = [float(gap) for gap in pipe_text(read, write).strip("[]").split(",")]
        assert len(gaps) == 3
        assert min(gaps) >= 0.03

    def test_the_interval_comes_on_its_grid_and_in_the_activity(self) -> None:
        def look(service: Any, activity: Activity) -> None:
            service.noted.append("i" if activity.interval else "-")

        class Ticking(Telling):
            cycle = 60
            interval = 0.03

        begun = time.monotonic()
        with ipcm.service("ticking", Ticking, on_all=look) as handle:
            wait_until(lambda: handle.request(0).count("i") >= 5)
            count = handle.request(0).count("i")
            assert count <= (time.monotonic() - begun) / 0.03 + 1

    def test_a_shorter_interval_counts_at_once(self) -> None:
        def shorten(service: Any, message: ipcm.Message) -> None:
            service.interval = 0.01

        with ipcm.service(
            "hurrying",
            Telling,
            interval=600,
            on_interval=lambda service: service.terminate(3),
            on_general_message=shorten,
        ) as handle:
            handle.client.send_message("hurrying", "now")
            assert handle.wait(5) == 3

    def test_the_interval_may_change(self) -> None:
        class Changing(Telling):
            @property
            def interval(self) -> float:  # type: ignore[override]
                return 0.01 if len(self.noted) < 3 else 60

            def run_on_interval(self) -> None:
                self.noted.append(1)

        with ipcm.service("changing", Changing) as handle:
            wait_until(lambda: len(handle.request(0)) == 3)
            assert handle.client.get_messages(0.1) == []
            assert len(handle.request(0)) == 3

    def test_descriptors_of_its_own_wake_it(self) -> None:
        class Reading(Telling):
            cycle = interval = 60

            def run_on_start(self) -> None:
                self.pipe = os.pipe()

            def select_handles(self) -> list[Any]:
                return [*super().select_handles(), self.pipe[0]]

            def run_on_all(self, activity: Activity) -> None:
                if self.select(0).count(self.pipe[0]):
                    self.noted.append(os.read(self.pipe[0], 10).decode())

            def handle_request(self, request: Any, message: Any) -> Any:
                if request.payload:
                    os.write(self.pipe[1], request.payload.encode())
                return self.noted

        with ipcm.service("reading", Reading) as handle:
            assert handle.request("x") == []
            wait_until(lambda: handle.snapshot().turns > 1)
            assert handle.request("") == ["x"]

    def test_a_closed_descriptor_of_its_own_ends_it(self) -> None:
        """It would wake the loop at once, again and again."""

        class Holding(Telling):
            mine: tuple[int, ...] = ()

            def select_handles(self) -> list[Any]:
                return [*super().select_handles(), *self.mine]

            def run_on_general_message(self, message: ipcm.Message) -> None:
                self.mine = os.pipe()
                for fd in self.mine:
                    os.close(fd)

        with ipcm.service("holding", Holding) as handle:
            handle.client.send_message("holding", 1)
            with pytest.raises(
                ipcm.ServiceDied, match=r"descriptor \d+ of select_handles.* closed"
            ):
                handle.wait(5)

    def test_the_first_that_wants_it_to_end_ends_it(self) -> None:
        asked = {"never": lambda s: False, "now": lambda s: True}
        with ipcm.service("x", handle_request=double, should_end=list(asked.values())) as handle:
            assert handle.wait(5) == 0

    def test_termination_is_in_the_activity(self) -> None:
        read, write = os.pipe()

        def look(service: Service, activity: Activity) -> None:
            if activity.terminated is not None:
                os.write(write, f"{activity.terminated}".encode())

        try:
            with ipcm.service("x", handle_request=double, on_all=look) as handle:
                os.kill(handle.service_pid, signal.SIGTERM)
                handle.wait(5)
        finally:
            assert pipe_text(read, write) == "0"

    def test_watch_counts_signals_seen_elsewhere(self) -> None:
        class Watching(Telling):
            signals_to_grab = ("USR1",)

            def handle_request(self, request: Any, message: Any) -> Any:
                signal.raise_signal(signal.SIGUSR1)
                activity = self.watch({"USR1": 2, signal.SIGUSR2: 5})
                return {sig.name: count for sig, count in activity.sigs.items()}

        with ipcm.service("watching", Watching, interval=0.01, cycle=0.01) as handle:
            assert handle.request(0) == {"SIGUSR1": 3}


class TestPeers:
    def test_each_that_comes_and_goes_after_its_last_message(self) -> None:
        def delta(service: Any, delta: dict[str, int]) -> None:
            service.noted.append(delta)

        def general(service: Any, message: ipcm.Message) -> None:
            service.noted.append(message.content)

        with ipcm.service(
            "host", Telling, on_peer_delta=delta, on_general_message=general
        ) as handle:
            with handle.bus.connect("guest") as guest:
                guest.send_message("host", "hello")
            with handle.bus.observe():  # nobody sees those who only look
                wait_until(lambda: {"guest": -1} in handle.request(0))
            noted = [each for each in handle.request(0) if each == "hello" or "guest" in each]
            assert noted == [{"guest": 1}, "hello", {"guest": -1}]
            assert not any("host" in each or "observer" in str(each) for each in noted)

    def test_asking_for_the_changes(self) -> None:
        class Asking(Telling):
            def handle_request(self, request: Any, message: Any) -> Any:
                ipcm.service("inner", handle_request=double)
                found: dict[str, int] = {}
                wait_until(lambda: found.update(self.peer_delta()) or "inner" in found)
                return [found["inner"], self.peer_delta()]

        with ipcm.service("asking", Asking) as handle:
            assert handle.request("") == [1, {}]

    def test_a_true_terminate_key_is_just_content(self) -> None:
        def general(service: Any, message: ipcm.Message) -> None:
            service.noted.append(message.content)

        with ipcm.service("x", Telling, on_general_message=general) as handle:
            handle.client.send_message("x", {"terminate": 1})
            assert handle.request(0) == [{"terminate": 1}]
            assert handle.ready()


@dataclasses.dataclass(slots=True)
class FileActivity(Activity):
    files: list[str] = dataclasses.field(default_factory=list)


class Unhandling(Telling):
    """Finds something in each turn that the role knows nothing of."""

    def watch(self, sig_seen: Any = None) -> Activity:
        found = super().watch(sig_seen)
        values = {field.name: getattr(found, field.name) for field in dataclasses.fields(Activity)}
        return FileActivity(**values, files=["a"])


class TestUnhandled:
    def test_it_ends_the_service(self, capfd: pytest.CaptureFixture[str]) -> None:
        with ipcm.service("x", Unhandling) as handle:
            handle.client.try_message("x", 1)  # the turn of the handle's coming may have done it
            with pytest.raises(ipcm.ServiceDied, match="nobody took care of: files"):
                handle.wait(5)

    def test_a_callback_takes_care(self) -> None:
        def unhandled(service: Any, activity: FileActivity) -> None:
            service.noted.append([*activity.unhandled(), *activity.files])

        with ipcm.service("x", Unhandling, on_unhandled=unhandled) as handle:
            handle.request(0)
            assert ["files", "a"] in handle.request(0)

    def test_what_is_marked_is_handled(self) -> None:
        def mark(service: Any, activity: Activity) -> None:
            activity.mark_handled("files")

        with ipcm.service("x", Unhandling, on_all=mark) as handle:
            assert handle.request(0) == []


def raising(text: str) -> Any:
    def raises(*_: Any) -> None:
        raise RuntimeError(text)

    return raises


HOOKS = ["all", "cleanup", "general_message", "interval", "peer_delta", "pid"]


class TestErrors:
    def test_intercepted_in_every_callback(self) -> None:
        with ipcm.service(
            "strong",
            Telling,
            intercept_errors=True,
            interval=0.02,
            output="bus",
            on_sig={"USR1": raising("in sig")},
            should_end=raising("in should_end"),
            **{f"on_{hook}": raising(f"in {hook}") for hook in HOOKS},
        ) as handle:
            handle.client.send_message("strong", 1)
            with handle.bus.connect("guest"):
                os.kill(handle.service_pid, signal.SIGUSR1)
            handle.client.flush()
            expected = {f"RuntimeError: in {h}" for h in [*HOOKS, "sig", "should_end"]}
            expected -= {"RuntimeError: in cleanup", "RuntimeError: in pid"}
            # A snapshot has but the last few errors, and there are more with every turn.
            wait_until(lambda: all(each in handle.output().read() for each in expected))
            assert {each.error for each in handle.snapshot().errors} <= expected
            handle.terminate(3)
            assert handle.wait(5) == 3
            told = handle.output().read()
        assert "in cleanup" in told
        assert "Traceback" in told

    @pytest.mark.parametrize("hook", ["all", "general_message", "interval", "peer_delta", "start"])
    def test_not_intercepted_it_ends_the_service(
        self, hook: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        hooks = {f"on_{hook}": raising(f"in {hook}")}
        caught: pytest.ExceptionInfo[Any]
        with (
            pytest.raises((ipcm.ServiceDied, ipcm.ServiceStartError)) as caught,
            ipcm.service("weak", Telling, interval=0.02, **hooks) as handle,
        ):
            with contextlib.suppress(ipcm.NoSuchPeer):
                handle.client.send_message("weak", 1)
            handle.wait(5)
        assert f"RuntimeError: in {hook}" in caught.value.traceback

    @pytest.mark.parametrize("what", ["select_handles", "watch", "watch_pids"])
    def test_one_that_cannot_wait_as_it_would_is_still_there(self, what: str) -> None:
        """It fails some times a second, and not as often as it can."""

        class Blind(Telling):
            intercept_errors = True
            failures = 0

            def fail(self) -> None:
                self.failures += 1
                raise RuntimeError("it sees nothing")

            def handle_request(self, request: Any, message: Any) -> Any:
                if request.payload == "blind" and what == "watch_pids":
                    type(self).watch_pids = property(Blind.fail)  # type: ignore[assignment]
                elif request.payload == "blind":
                    setattr(self, what, self.fail)
                return self.failures

        with ipcm.service("strong", Blind, output="bus") as handle:
            assert handle.request("blind", 5) == 0
            for _ in range(3):
                handle.client.pump(0.1)
                assert handle.request("how many?", 5) < 50
            handle.terminate(3)
            assert handle.wait(5) == 3

    def test_clean_up_also_comes_after_an_error(self, capfd: pytest.CaptureFixture[str]) -> None:
        read, write = os.pipe()
        try:
            with ipcm.service(
                "weak",
                Telling,
                on_general_message=raising("bad"),
                on_cleanup=lambda service: os.write(write, b"clean") and None,
            ) as handle:
                handle.client.send_message("weak", 1)
                with pytest.raises(ipcm.ServiceDied, match="bad"):
                    handle.wait(5)
        finally:
            assert pipe_text(read, write) == "clean"
