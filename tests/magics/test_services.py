"""`%%ipcm service`: starting, replacing, refusing, restarting."""

from __future__ import annotations

import os
import signal

import pytest

import ipcm
from ipcm.magics import magic
from ipcm.magics.session import Session
from tests.helpers import gone, interrupt_once, wait_until
from tests.magics.conftest import Cells

ECHO = "%%ipcm service echo -o echo\n@endpoint\ndef say(text: str) -> str:\n    return text\n"
BOOM = "%%ipcm service boom\n@endpoint\ndef boom():\n    return 1/0\n"


def test_a_cell_becomes_a_service(cells: Cells) -> None:
    shown = cells(ECHO)
    assert "say(text: str) -&gt; str" in shown.html
    assert "say(text: str) -> str" in shown.text
    assert cells("%ipcm call echo say text=hello").value == "hello"
    assert cells.shell.user_ns["echo"].call("say", text="x") == "x"
    assert cells("%ipcm ps -o rows") and len(ipcm.buses()) == 1


def test_running_it_again_replaces_it(cells: Cells) -> None:
    cells(ECHO)
    first = cells.shell.user_ns["echo"].service_pid
    cells(ECHO.replace("return text", "return text * 2"))
    assert cells("%ipcm call echo say text=ab").value == "abab"
    assert gone(first)
    assert ipcm.buses()[0].services() == ["echo"]


def test_running_it_again_after_an_interrupt_replaces_it(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells(ECHO)
    first = cells.shell.user_ns["echo"].service_pid
    interrupt_once(monkeypatch, ipcm.Handle, "terminate")
    assert isinstance(cells.run(ECHO).error, KeyboardInterrupt)
    assert cells("%ipcm call echo say text=still").value == "still"
    cells(ECHO)
    assert gone(first)
    assert cells("%ipcm call echo say text=ab").value == "ab"


def test_a_name_for_the_old_one_is_one_for_the_new_one(cells: Cells) -> None:
    cells(ECHO)
    cells(ECHO.replace(" -o echo", ""))
    assert cells.shell.user_ns["echo"].call("say", text="x") == "x"
    cells("echo = 'mine'")
    cells(ECHO.replace(" -o echo", ""))
    assert cells.shell.user_ns["echo"] == "mine"


def test_of_a_service_that_has_ended_and_has_no_name_nothing_stays(cells: Cells) -> None:
    cells(ECHO)
    handle = cells.shell.user_ns["echo"]
    cells("%ipcm terminate echo")
    wait_until(handle.ended)
    cells("pass")
    (bus,) = ipcm.buses()
    assert [peer.name for peer in bus.presence()] == [handle.name]  # it may be asked how that was
    cells("echo = 'mine'")
    assert bus.presence() == []


def test_what_cannot_travel_is_named(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    cells("import threading; lock = threading.Lock()")
    monkeypatch.setattr("ipcm.role.modes.thread_count", lambda: 2)
    ran = cells.run("%%ipcm service x --capture lock\n@endpoint\ndef f(): return lock\n")
    assert "item 'lock'" in ran.out
    assert "use --fork" in ran.out
    assert 'start="fork"' not in ran.out


def test_a_faulty_cell_leaves_the_old_service_alone(cells: Cells) -> None:
    cells(ECHO)
    for faulty in ("def f(:", "def f(): return nowhere", "def on_strat(): pass"):
        assert cells.run(f"%%ipcm service echo\n{faulty}").error is not None
    assert cells("%ipcm call echo say text=hello").value == "hello"


def test_names_are_missed_before_anything_starts(cells: Cells) -> None:
    cells("import os\ndf = [1, 2]")
    ran = cells.run("%%ipcm service x\n@endpoint\ndef f(): return df, os.getpid(), nope\n")
    assert "--capture df,os" in ran.err
    assert "nope: defined nowhere" in ran.err
    assert not ipcm.buses()[0].services() if ipcm.buses() else True
    cells("%%ipcm service x --capture df,os\n@endpoint\ndef f():\n    return df, os.getpid()\n")
    value = cells("%ipcm call x f").value
    assert value[0] == [1, 2]
    assert value[1] != os.getpid()
    assert "no such name" in cells.run("%%ipcm service x --capture gone\n1").err


def test_a_fork_has_every_name(cells: Cells) -> None:
    cells("big = bytearray(1 << 20); big[5] = 7\ndef helper(n): return big[n]")
    cells("%%ipcm service f --fork\n@endpoint\ndef at(n: int) -> int:\n    return helper(n)\n")
    assert cells("%ipcm call f at n=5").value == 7


def test_only_functions_are_taken_for_callbacks(cells: Cells) -> None:
    cells("%%ipcm service x\non_time = 3\n@endpoint\ndef f() -> int:\n    return on_time\n")
    assert cells("%ipcm call x f").value == 3


def test_options(cells: Cells) -> None:
    with ipcm.spawn("a") as a, ipcm.spawn("b"):
        assert cells.run(ECHO).error is not None, "two buses, and none was named"
        cells(ECHO.replace("echo -o echo", "echo --bus a -o echo --interval 0.01"))
        assert a.services() == ["echo"]
        assert cells.shell.user_ns["echo"].snapshot().interval == 0.01


def test_mistakes(cells: Cells) -> None:
    for line, told in {
        "%%ipcm service x\n": "empty",
        "%ipcm service x": "a service is a cell",
        "%%ipcm service x --capture 3\n1": "names with commas",
        "%%ipcm service _x\n@endpoint\ndef f(): ...": "not a usable name",
        "%%ipcm service x --interval 0\n1": "--interval",
        "%%ipcm service x -b nowhere\n@endpoint\ndef f(): ...": "nowhere",
    }.items():
        ran = cells.run(line)
        assert told in ran.out + ran.err, line
        assert "Traceback" not in ran.out + ran.err, line
    assert not ipcm.buses()


@pytest.mark.parametrize("options", ["", " --fork"])
def test_a_cell_that_is_no_service(cells: Cells, options: str) -> None:
    ran = cells.run(f"%%ipcm service x{options}\nx = 1")
    assert type(ran.error).__name__ == "UsageError" and not isinstance(ran.error, ipcm.IPCMError)
    assert "nothing in the source of 'x' is a service" in ran.out + ran.err
    assert len((ran.out + ran.err).strip().splitlines()) <= 2


def test_what_fails_in_the_service_is_shown_from_its_own_lines(cells: Cells) -> None:
    ran = cells.run("%%ipcm service x\ndef f():\n    return 1/0\nf()")
    assert isinstance(ran.error, ipcm.ServiceStartError)
    assert "ZeroDivisionError" in ran.out
    assert "line 2, in f" in ran.out
    assert "become.py" not in ran.out
    cells(BOOM)
    ran = cells.run("%ipcm call boom boom")
    assert '<%%ipcm service boom>", line 3, in boom' in ran.out


NOISY = """%%ipcm service noisy
import os
print('set up')
@endpoint
def f():
    print('x' * 2**20)
    os.system('echo y')
"""


def test_nothing_of_a_service_lands_in_a_cell(
    cells: Cells, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = cells(NOISY)
    asked = cells("%ipcm call noisy f")
    assert "set up" in cells("%ipcm logs noisy -o lines -n 1000").text
    assert [line.text for line in cells.shell.user_ns["lines"]][-1] == "y"
    assert "set up" not in shown.text
    assert "x" * 10 not in asked.text
    assert capfd.readouterr() == ("", "")


def test_a_service_that_dies_is_started_again(cells: Cells) -> None:
    cells(ECHO.replace("-o echo", "--restart -o echo"))
    services = _session(cells).services
    first = cells.shell.user_ns["echo"].service_pid
    assert services.tend() == []
    os.kill(first, signal.SIGKILL)
    told: list[tuple[str, str]] = []
    wait_until(
        lambda: (
            told.extend(services.tend())
            or (
                cells.shell.user_ns["echo"].ready()
                and cells.shell.user_ns["echo"].service_pid != first
            )
        ),
        10.0,
    )
    assert "died" in told[0][1]
    assert cells("%ipcm call echo say text=again").value == "again"
    cells("%ipcm terminate echo")
    wait_until(lambda: not services.tend() and not list(services), 10.0)
    assert ipcm.buses()[0].services() == [], "what was ended on purpose stays so"


def test_a_service_that_is_kept_outlives_the_session(cells: Cells) -> None:
    with ipcm.spawn("b") as bus:
        cells(ECHO.replace("-o echo", "--keep"))
        cells("%unload_ext ipcm")
        with ipcm.attach("echo") as handle:
            pid = handle.service_pid
            assert pid is not None
            assert handle.call("say", text="x") == "x"
            handle.terminate()
            bus.wait(10.0)
            os.waitpid(pid, 0)  # nobody else does any more


def _session(cells: Cells) -> Session:
    return magic._loaded[cells.shell].session
