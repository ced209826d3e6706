"""Services that outlive the kernel they come from, and those beside them that do not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import ipcm
from tests.helpers import gone, wait_until
from tests.magics.kernels import Kernel, running_kernel, service_pids

CELL = """%%ipcm service {0} {1}
import os
asked = []
@endpoint
def pid() -> int: return os.getpid()
@endpoint
def ask(text: str) -> list[str]:
    print(text)
    asked.append(text)
    return asked
"""


def kill(kernel: Kernel) -> None:
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.manager.restart_kernel(now=True)


def restart(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=False)


@pytest.mark.parametrize("end", [kill, pytest.param(restart, marks=pytest.mark.slow)])
def test_what_is_kept_outlives_the_kernel(tmp_path: Path, end: Callable[[Kernel], None]) -> None:
    with running_kernel(tmp_path) as kernel:
        for name, options in {"a": "", "b": "--fork", "c": "--keep", "d": "--keep --fork"}.items():
            kernel(CELL.format(name, options))
        assert kernel("%ipcm call c ask text=once").value == "['once']"
        pids = service_pids()
        end(kernel)
        wait_until(lambda: gone(pids["a"]) and gone(pids["b"]), 10.0)
        kernel.client.wait_for_ready(timeout=30.0)
        kernel("%load_ext ipcm")
        for name in ("c", "d"):
            assert int(kernel(f"%ipcm call {name} pid").value) == pids[name]
        assert kernel("%ipcm call c ask text=again").value == "['once', 'again']"
        assert "again" in kernel("%ipcm logs c").text
        kernel("import ipcm\nwith ipcm.attach('d') as d: print(d.call('ask', text='x'))")
        taken = kernel.run(CELL.format("c", ""))
        assert taken.error is not None
        assert taken.error[0] == "ServiceNameTaken"
        assert "%ipcm terminate c" in taken.error[1]
        assert len(taken.error[1].splitlines()) <= 2, "a mistake, and no traceback"
        assert "ended" in kernel("%ipcm terminate c").text
        kernel(CELL.format("c", ""))
        assert kernel("%ipcm call c ask text=new").value == "['new']"
        kernel("%ipcm terminate --all -y")
        wait_until(lambda: all(map(gone, pids.values())))
        wait_until(lambda: not ipcm.buses())
