"""Whatever starts it, and however it ends: a service ends with its starter, or is kept."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import ipcm
from ipcm._os.process import identify
from tests.helpers import gone, wait_until
from tests.role.arrivals import Adder

PROGRAM = """
import os, sys, threading, time, ipcm
from tests.role.arrivals import Busy
threading.Thread(target=threading.Event().wait, daemon=True).start()
info, mode = sys.argv[1:]
handle = ipcm.service("busy", Busy, bus=info, start=mode)
handle.send_request("busy", "be busy")
own = ipcm.service("own", ipcm.EchoService, start=mode)
from ipcm.role.launcher import launcher_pid
print(handle.service_pid, own.service_pid, launcher_pid() or "", flush=True)
sys.stdin.read()
"""


def starter(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of its own that starts services."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("mode", ["fork", "exec", "launcher"])
@pytest.mark.parametrize("end", ["killed", "leaves"])
def test_everything_ends_with_the_starter_whatever_it_does(end: str, mode: str) -> None:
    with ipcm.spawn() as bus:
        with starter(PROGRAM, bus.info, mode) as program:
            assert program.stdout is not None
            who = [identify(int(pid)) for pid in program.stdout.readline().split()]
            assert len(who) == 2 + (mode == "launcher")
            if end == "killed":
                program.kill()
            # Else it leaves when its input is closed.
        # 1.5 s of grace, and then it is killed; the rest is the machine's.
        wait_until(lambda: not any(each.alive() for each in who), limit=10)
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
    with starter(KEEPING, mode, whose) as program:
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
