"""What holds for every service that is made in its own process: exec and launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import ServiceDied, ServiceStartError
from ipcm._os.process import identify
from ipcm.role.launcher import launcher_pid
from tests.helpers import gone, wait_until
from tests.role import arrivals
from tests.role.arrivals import Adder, Where


@pytest.fixture(params=["exec", "launcher"])
def start(request: pytest.FixtureRequest) -> Any:
    """`ipcm.service` in one of the modes."""

    def start(name: str, *args: Any, **params: Any) -> Any:
        return ipcm.service(name, *args, start=request.param, **params)

    start.mode = request.param  # type: ignore[attr-defined]
    return start


def test_its_process_is_a_fresh_one_in_the_same_surroundings(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("IPCM_TEST_ODD", "\udcff=\n")
    held = os.open(os.devnull, os.O_RDONLY)
    try:
        with start("where", Where) as handle:
            told = handle.request(0)
            assert handle.request(["IPCM_TEST_ODD"]) == repr(os.environ["IPCM_TEST_ODD"])
            assert handle.request(["PYTHONPATH"]) == repr(os.environ.get("PYTHONPATH"))
            assert told["pid"] == told["set"] == handle.child_pid == handle.service_pid
            parent = os.getpid() if start.mode == "exec" else launcher_pid()
            assert told["starter"] == parent and told["watched"] == [os.getpid()]
            assert Path(f"/proc/{told['pid']}/exe").samefile(sys.executable)
            assert identify(told["pid"]).alive()
    finally:
        os.close(held)
    assert told["path"] == sys.path
    assert (told["cwd"], told["argv"]) == (str(tmp_path), sys.argv)
    assert told["main"] == getattr(sys.modules["__main__"], "__file__", None)
    assert "/memfd" not in told["fds"]
    assert gone(told["pid"])
    assert launcher_pid() is None


def test_endpoints_callbacks_and_parameters_that_are_data(start: Any) -> None:
    with ipcm.spawn() as bus:
        with start("adder", Adder, bus=bus, cycle=0.5) as adder:
            assert adder.call("add", a=1, b=2) == 3
        with start("greeter", handle_request=arrivals.greet, bus=bus) as greeter:
            assert greeter.request("you") == "hello you"
        with start("scaler", handle_request=arrivals.Point(3).scale, bus=bus) as scaler:
            assert scaler.request(2) == 6


def test_in_a_process_with_threads(start: Any) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with start("echo", ipcm.EchoService) as handle:
            assert handle.request([1]) == [1]
    finally:
        end.set()
        thread.join()


def test_redirect_and_the_original_streams(
    start: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("IPCM_TEST_LOG", str(log))
    with start("quiet", arrivals.RedirectingByEnvironment, output="inherit"):
        assert log.read_text() == "printed\n"
    assert "to the original" in capfd.readouterr().err


def test_exit_value_and_exit_code(start: Any) -> None:
    with start("where", Where) as handle:
        handle.terminate(7)
        assert handle.wait(5) == 7
    with start("where", Where) as handle:
        handle.send_request("where", "exit")
        with pytest.raises(ServiceDied, match="exit code 5"):
            handle.wait(5)
    with start("where", Where) as handle:
        os.kill(handle.service_pid, signal.SIGKILL)
        with pytest.raises(ServiceDied, match="signal 9"):
            handle.wait(5)


@pytest.mark.parametrize(
    ("maker", "params", "named"),
    [
        (type("Local", (Where,), {}), {}, r"the class \(<class '.*Local'>\)"),
        (ipcm.Service, {"handle_request": lambda s, r, m: 1}, r"handle_request \(<function .*>\)"),
    ],
)
def test_a_fresh_interpreter_gets_only_what_it_can_import(
    maker: Any, params: Any, named: str
) -> None:
    with pytest.raises(ServiceStartError, match=named) as failed:
        ipcm.service("local", maker, start="exec", **params)
    assert 'start="fork"' in str(failed.value)
    assert ipcm.buses() == []


@pytest.mark.parametrize(
    ("maker", "params", "named"),
    [
        (Where, {"on_interval": [print, threading.Lock().acquire]}, r"on_interval .* in it item 1"),
        (Where, {"cycle": {"a": open(os.devnull)}}, r"cycle .* in it item 'a' \(<_io"),  # noqa: SIM115
    ],
)
def test_what_cannot_travel_is_named(start: Any, maker: Any, params: Any, named: str) -> None:
    with pytest.raises(ServiceStartError, match=named) as failed:
        start("local", maker, **params)
    assert 'start="fork"' in str(failed.value)
    for value in params.values():
        if isinstance(value, dict):
            value["a"].close()
    assert ipcm.buses() == []


@pytest.mark.parametrize(
    ("maker", "params", "told"),
    [
        (arrivals.Broken, {}, "no such table"),
        (arrivals.Failing, {}, "no such table"),
        (Where, {"on_strat": print}, "on_strat"),
        (ipcm.Service, {"handle_request": arrivals.greet, "on_start": arrivals.fail}, "nowhere"),
    ],
)
def test_a_failed_start_is_told_at_once_with_its_traceback(
    start: Any, maker: Any, params: Any, told: str
) -> None:
    before = time.monotonic()
    with pytest.raises(ServiceStartError, match=told) as failed:
        start("bad", maker, **params)
    assert "Traceback" in failed.value.traceback
    assert time.monotonic() - before < 20
    assert ipcm.buses() == []


def test_misuse_is_an_error_of_the_same_class_as_where_it_forks(start: Any) -> None:
    for maker, params, told in [
        (Where, {"on_strat": print}, "on_strat"),
        (arrivals.Lacking, {}, "it lacks: handle_request, set_pid"),
    ]:
        for kind in (ipcm.UsageError, TypeError, ServiceStartError):
            with pytest.raises(kind, match=told):
                start("bad", maker, **params)
    with pytest.raises(ServiceStartError) as failed:
        start("bad", arrivals.Failing)
    assert not isinstance(failed.value, ipcm.UsageError)


def test_a_failed_import_is_told(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "vanishing_module.py"
    module.write_text("from tests.role.arrivals import Where\nclass Here(Where): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import vanishing_module  # type: ignore[import-not-found]

    module.write_text("import nothing_of_that_name\n")
    try:
        with pytest.raises(ServiceStartError, match="nothing_of_that_name") as failed:
            start("bad", vanishing_module.Here)
    finally:
        del sys.modules["vanishing_module"]
    assert "vanishing_module.py" in failed.value.traceback


def test_a_fresh_interpreter_cannot_import_a_class_of_the_program_itself(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import ipcm\n"
        "class Mine(ipcm.EchoService): pass\n"
        "try:\n"
        "    ipcm.service('mine', Mine, start='exec')\n"
        "except ipcm.ServiceStartError as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "__main__.Mine" in ran.stdout and 'start="fork"' in ran.stdout
    assert ran.stderr == ""


def test_inside_a_service(start: Any) -> None:
    class Outer(Where):
        def run_on_start(self) -> None:
            self.inner = start("inner", Adder)

        def handle_request(self, request: Any, message: Any) -> Any:
            return [self.inner.call("add", a=1), self.inner.pid]

    with ipcm.service("outer", Outer) as handle:
        answer, pid = handle.request(0)
        assert answer == 1
    # It has left the bus; its process is nobody's here to wait for, and takes a moment to exit.
    wait_until(lambda: gone(pid), 2.0)


def test_it_ends_with_its_starter(start: Any) -> None:
    def start_and_die(service: Any, request: Any, message: Any) -> Any:
        return start("inner", Adder).pid

    with ipcm.service("outer", handle_request=start_and_die) as handle:
        pid = handle.request(0)
        os.kill(handle.service_pid, signal.SIGKILL)
        wait_until(lambda: gone(pid), limit=5)
