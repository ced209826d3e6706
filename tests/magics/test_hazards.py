"""What services in notebooks do to the kernel they come from: nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import ipcm
from tests.helpers import gone, wait_until
from tests.magics.kernels import Kernel, cpu_seconds, running_kernel, service_pids

PROMPTLY = 10.0
"""Seconds until what a kernel leaves behind is gone; less than three on a machine that is idle."""

RUDE = """%%ipcm service NAME OPTIONS
import os, subprocess, sys, threading, time

print("set up", file=sys.stderr)

@endpoint
def pid() -> int:
    return os.getpid()

@endpoint
def printing() -> int:
    print("x" * 2**20)
    sys.stderr.write("y" * 2**20)
    os.write(1, b"z" * 2**16)
    return 1

@endpoint
def raising():
    raise KeyError("a detail")

@endpoint
def spawning() -> str:
    subprocess.Popen(["sh", "-c", "echo stray; exit 3"]).wait()
    return subprocess.run(["echo", "caught"], capture_output=True, text=True).stdout

@endpoint
def threading_() -> list[int]:
    done = []
    threads = [threading.Thread(target=lambda n=n: done.append(n * n)) for n in range(4)]
    for each in threads: each.start()
    for each in threads: each.join()
    return sorted(done)

@endpoint
def leaving(): sys.exit(3)

@endpoint
def vanishing(): os._exit(4)

@endpoint
def sleeping(seconds: float): time.sleep(seconds)
"""


def rude(name: str, options: str = "") -> str:
    return RUDE.replace("NAME", name).replace("OPTIONS", options)


@pytest.mark.parametrize("options", ["", "--fork"])
def test_whatever_a_service_does_the_kernel_stays_well(tmp_path: Path, options: str) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(rude("first", options))
        kernel("%ipcm terminate first")
        wait_until(lambda: not service_pids())
        kernel("1")
        open_before = kernel.descriptors()
        kernel(rude("rude", options))
        for endpoint, value in (("printing", "1"), ("threading_", "[0, 1, 4, 9]")):
            shown = kernel(f"%ipcm call rude {endpoint}")
            assert shown.value == value
            assert not shown.streams, "its output is none of the cell's"
        assert kernel("%ipcm call rude spawning").value == "'caught\\n'"
        failed = kernel.run("%ipcm call rude raising")
        assert failed.error is not None
        assert failed.error[0] == "RemoteError"
        assert "a detail" in failed.error[1]
        pid = int(kernel("%ipcm call rude pid").value)
        for endpoint in ("leaving", "vanishing"):
            ended = kernel.run(f"%ipcm call rude {endpoint}")
            assert ended.error is not None
            if endpoint == "vanishing" or ended.error[0] == "PeerGone":
                wait_until(lambda pid=pid: gone(pid))
                kernel(rude("rude", options))
                pid = int(kernel("%ipcm call rude pid").value)
        before = cpu_seconds(pid), cpu_seconds(kernel.pid)
        kernel("import time; time.sleep(0.5)")
        assert cpu_seconds(pid) - before[0] < 0.25, "the service spins"
        assert cpu_seconds(kernel.pid) - before[1] < 0.4, "the kernel spins"
        kernel("%ipcm terminate rude")
        wait_until(lambda: gone(pid))
        wait_until(lambda: kernel.has_closed(open_before + 2))  # whole services take seven each
        assert not kernel.stray
        kernel.check_responsive()
        assert kernel("1 + 1").value == "2"


@pytest.mark.slow
def test_an_interrupt_ends_the_wait_and_not_the_service(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel(rude("a"))
        kernel(rude("b", "--fork"))
        pids = service_pids()
        for name in ("a", "b"):
            id = kernel.send(f"print('now', flush=True)\n%ipcm call {name} sleeping seconds=30")
            kernel.wait_for_text("now")
            _wait_until_busy(name)
            kernel.interrupt()
            shown = kernel.take(id, 20.0)
            assert shown.error is not None
            assert shown.error[0] == "KeyboardInterrupt"
            assert len(shown.error[1].splitlines()) <= 3
        assert service_pids() == pids, "an interrupt is for the kernel alone"
        kernel("%ipcm kill --all -y")
        kernel.check_responsive()


def _wait_until_busy(name: str) -> None:
    bus = ipcm.buses()[0]

    def busy() -> bool:
        with ipcm.attach(name, bus) as handle:
            try:
                handle.snapshot(0.1)
            except ipcm.RequestTimeout:
                return True
            return False

    wait_until(busy)


def start_some(kernel: Kernel) -> list[int]:
    kernel(rude("a"))
    kernel(rude("b", "--fork"))
    pids = [*service_pids().values(), *(bus_registrars())]
    assert len(pids) == 3
    return pids


def bus_registrars() -> list[int]:
    """Registrars of live buses, by the directory that they hold open."""
    routes = {bus.route for bus in ipcm.buses()}
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        except OSError:
            continue
        if any(f"{route}/lock" in links for route in routes):
            found.append(int(pid))
    return found


def test_services_end_with_a_kernel_that_is_killed(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        pids = start_some(kernel)
        os.kill(kernel.pid, signal.SIGKILL)
        wait_until(lambda: all(map(gone, pids)), PROMPTLY)
        wait_until(lambda: not ipcm.buses())


@pytest.mark.slow
def test_services_end_with_a_kernel_that_is_restarted(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        pids = start_some(kernel)
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=30.0)
        wait_until(lambda: all(map(gone, pids)), PROMPTLY)
        kernel("%load_ext ipcm")
        kernel(rude("a"))
        assert int(kernel("%ipcm call a pid").value) not in pids


def test_two_kernels_on_one_bus(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
    with running_kernel(tmp_path / "one") as one, running_kernel(tmp_path / "two") as two:
        one(rude("a"))
        two(rude("b"))
        assert len(ipcm.buses()) == 1
        assert one("%ipcm call b pid").value == two("%ipcm call b pid").value
        taken = two.run(rude("a"))
        assert taken.error is not None
        assert "NameTaken" in taken.error[0]
        assert len(taken.error[1].splitlines()) <= 2
        pids = service_pids()
        two.manager.shutdown_kernel(now=True)
        wait_until(lambda: gone(pids["b"]))
        for number in range(6):
            one(f"%%ipcm service s{number}\n@endpoint\ndef f() -> int:\n    return {number}\n")
            assert one(f"%ipcm call s{number} f").value == str(number)
        assert len(service_pids()) == 7
        one.check_responsive()
        assert int(one("%ipcm call a pid").value) == pids["a"]


@pytest.mark.slow
def test_many_services_of_cells(tmp_path: Path) -> None:
    count = 20
    with running_kernel(tmp_path) as kernel:
        for number in range(count):
            kernel(f"%%ipcm service s{number}\n@endpoint\ndef f() -> int:\n    return {number}\n")
        assert len(service_pids()) == count
        pids = list(service_pids().values())
        assert kernel("%ipcm call s3 f").value == "3"
        kernel.check_responsive()
        kernel("%unload_ext ipcm")
        wait_until(lambda: all(map(gone, pids)))


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_one_cell_over_and_over(tmp_path: Path, times: int) -> None:
    with running_kernel(tmp_path) as kernel:
        cell = "%%ipcm service again\n@endpoint\ndef f() -> int:\n    return {0}\n"
        kernel(cell.format(-1))
        open_before = kernel.descriptors()
        for number in range(times):
            kernel(cell.format(number))
            assert kernel("%ipcm call again f").value == str(number)
        assert list(service_pids()) == ["again"]
        wait_until(lambda: kernel.has_closed(open_before + 2))
        assert not kernel.stray


@pytest.mark.slow
def test_a_gigabyte_costs_a_fork_nothing(tmp_path: Path) -> None:
    """Copy-on-write: the service reads what the kernel has, and takes no memory of its own."""
    with running_kernel(tmp_path) as kernel:
        kernel("import mmap\nbig = mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE)")
        kernel("for at in range(0, 1 << 30, 4096): big[at] = at >> 12 & 0xFF")
        cell = "%%ipcm service big --fork\n@endpoint\ndef at(n: int) -> int:\n    return big[n]\n"
        kernel(cell)
        assert kernel("%ipcm call big at n=1044480").value == "255"
        (pid,) = service_pids().values()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        private = sum(
            int(line.split()[1])
            for line in rollup.splitlines()
            if line.startswith(("Private_Clean", "Private_Dirty"))
        )
        assert private < 100_000, f"{private} kB of its own"


CLEAN = """%%ipcm service clean --fork
import asyncio, atexit, logging, os, signal, sys, threading

@endpoint
def sockets() -> list[str]:
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    return [link for link in links if link.startswith("socket:")]

@endpoint
def state() -> dict:
    from IPython import get_ipython
    return {
        "threads": [each.name for each in threading.enumerate()],
        "group": os.getpgrp() == KERNEL_GROUP,
        "session": os.getsid(0) == KERNEL_SESSION,
        "shell": get_ipython() is not None,
        "wakeup": signal.set_wakeup_fd(-1) != -1,
        "running": asyncio._get_running_loop() is not None,
        "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    }

@endpoint
async def loop() -> str:
    await asyncio.sleep(0.01)
    return asyncio.get_running_loop().__class__.__name__

@endpoint
def noise():
    from IPython.display import display
    display("displayed")
    logging.getLogger().warning("logged")
    logging.getLogger("ipykernel").error("logged by the kernel's")
    print("printed"); sys.__stdout__.write("underneath\\n"); sys.__stdout__.flush()

@endpoint
def leave(): sys.exit(3)
"""


def test_a_fork_of_the_kernel_is_no_kernel(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with running_kernel(tmp_path) as kernel:
        kernel("import os\nKERNEL_GROUP, KERNEL_SESSION = os.getpgrp(), os.getsid(0)")
        kernel(f"import atexit\natexit.register(lambda: open({str(mark)!r}, 'a').write('x'))")
        kernel(CLEAN)
        folder = Path(f"/proc/{kernel.pid}/fd")
        ours = {os.readlink(fd) for fd in folder.iterdir() if os.path.lexists(fd)}
        sockets = set(eval(kernel("%ipcm call clean sockets").value))
        assert sockets, "its own"
        assert not sockets & ours, "sockets of the kernel"
        state = eval(kernel("%ipcm call clean state").value)
        assert state == {
            "threads": ["MainThread"],
            "group": False,
            "session": False,
            "shell": False,
            "wakeup": state["wakeup"],
            "running": state["running"],
            "blocked": [],
        }
        assert "Loop" in kernel("%ipcm call clean loop").value
        shown = kernel("%ipcm call clean noise")
        assert not shown.text.replace("None", "").strip(), "nothing of it is the cell's"
        logs = kernel("%ipcm logs clean").text
        for part in ("displayed", "logged", "printed", "underneath"):
            assert part in logs, part
        kernel.run("%ipcm call clean leave")
        kernel("%ipcm terminate --all -y")
        assert not mark.exists(), "what the kernel has to do at its end is none of the service's"
        assert not kernel.stray
        kernel("1")
