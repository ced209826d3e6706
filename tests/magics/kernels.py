"""A real IPython kernel in a process of its own, and what its cells show."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from tests.helpers import gone, wait_until

pytest.importorskip("ipykernel", reason="a kernel needs ipykernel")
pytest.importorskip("jupyter_client", reason="kernels are started through jupyter_client")

__all__ = ["Kernel", "Shown", "cpu_seconds", "processes_of", "running_kernel", "service_pids"]

LIMIT = 30.0


@dataclasses.dataclass
class Shown:
    """What one cell showed.

    Attributes:
        streams: text by name, stdout and stderr. data: display data, in order, updates in
            their place. value: text/plain of the last expression. error: (name, text) or None.
    """

    streams: dict[str, str] = dataclasses.field(default_factory=dict)
    data: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    value: str = ""
    error: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """All that a reader sees, as text."""
        parts = [*self.streams.values(), self.value]
        parts += [str(each.get("text/plain", "")) for each in self.data.values()]
        return "".join(parts) + (self.error[1] if self.error else "")

    @property
    def html(self) -> str:
        return "".join(str(each.get("text/html", "")) for each in self.data.values())


class Kernel:
    """Runs cells, one at a time."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client
        self.stray: list[str] = []
        """Output that came outside of the cell it belongs to."""
        self.updates: list[dict[str, Any]] = []
        """Messages with data that took the place of what a cell had shown, whenever that was."""

    @property
    def refreshed(self) -> list[dict[str, Any]]:
        """The data of those."""
        return [each["content"]["data"] for each in self.updates]

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def send(self, source: str) -> str:
        """Starts a cell; returns its id."""
        # One behind a cell that failed runs too: some kernels drop what comes right after it.
        return str(self.client.execute(source, stop_on_error=False))

    def take(self, id: str, limit: float = LIMIT) -> Shown:
        """Waits for the end of a cell."""
        shown, deadline = Shown(), time.monotonic() + limit
        while True:
            message = self.client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01))
            kind, content = message["msg_type"], message["content"]
            if kind == "update_display_data":
                self.updates.append(message)
            if message["parent_header"].get("msg_id") != id:
                if kind in ("stream", "display_data"):
                    self.stray.append(str(content))
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return shown
            _take_in(shown, kind, content)

    def wait_for_text(self, text: str, limit: float = LIMIT) -> None:
        """Waits until a cell has printed this; what comes before it is dropped."""
        deadline = time.monotonic() + limit
        while True:
            message = self.client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01))
            if message["msg_type"] == "stream" and text in message["content"]["text"]:
                return

    def wait_for_update(self, id: str, limit: float = LIMIT) -> dict[str, Any]:
        """Waits until what a cell had shown is refreshed for the sake of the one that runs now."""
        deadline = time.monotonic() + limit
        while True:
            message = self.client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01))
            assert message["msg_type"] != "error", message["content"]
            if (
                message["msg_type"] == "update_display_data"
                and message["parent_header"]
                and (message["parent_header"]["msg_id"] == id)
            ):
                return dict(message)

    def run(self, source: str, limit: float = LIMIT) -> Shown:
        """Runs a cell, which may fail."""
        return self.take(self.send(source), limit)

    def __call__(self, source: str, limit: float = LIMIT) -> Shown:
        """Runs a cell that must not fail."""
        shown = self.run(source, limit)
        assert shown.error is None, shown.error
        return shown

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def descriptors(self) -> int:
        """How many the kernel has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def has_closed(self, most: int) -> bool:
        """Whether no more are open.

        What has ended is put away with the next cell that hears of it.
        """
        self("1")
        return self.descriptors() <= most

    def delay(self) -> float:
        """Seconds that it takes to run a cell that does nothing, in the median of some."""
        delays = []
        for _ in range(7):
            started = time.monotonic()
            self("1")
            delays.append(time.monotonic() - started)
        return statistics.median(delays)

    def check_responsive(self) -> None:
        """Fails where it takes more than a tenth of a second again and again.

        Something of ours that holds it up does so every time; other work on the machine does not.
        """
        delays: list[float] = []
        while len(delays) < 10 and (not delays or delays[-1] >= 0.1):
            delays.append(self.delay())
        assert delays[-1] < 0.1, f"the kernel takes {delays} s to answer"


def service_pids() -> dict[str, int]:
    """Processes of the services on all live buses, by name."""
    return {
        peer.name: peer.pid
        for bus in ipcm.buses()
        for peer in bus.presence()
        if peer.kind == "service"
    }


def processes_of(folder: Path) -> list[int]:
    """Living processes that were started with this folder in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if os.fsencode(folder) in environment and int(pid) != os.getpid():
                found.append(int(pid))
    return [pid for pid in found if not gone(pid)]


def cpu_seconds(pid: int) -> float:
    """What a process has spent so far; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _take_in(shown: Shown, kind: str, content: Any) -> None:
    if kind == "stream":
        before = shown.streams.get(content["name"], "")
        shown.streams[content["name"]] = before + content["text"]
    elif kind == "error":
        shown.error = content["ename"], "\n".join(content["traceback"])
    elif kind == "execute_result":
        shown.value = content["data"].get("text/plain", "")
        shown.data["value"] = content["data"]
    elif kind in ("display_data", "update_display_data"):
        id = content.get("transient", {}).get("display_id") or f"#{len(shown.data)}"
        shown.data[id] = content["data"]


@contextlib.contextmanager
def running_kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel in an own folder; its end takes everything with it, or the test fails."""
    from jupyter_client.manager import KernelManager
    from jupyter_core.utils import ensure_event_loop

    root = str(Path(__file__).parents[2])
    folders = {
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter"),
    }
    environment = {
        **os.environ, **folders, "PYTHONPATH": root, "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }  # fmt: skip
    # Its sockets' addresses are to be short, wherever tests have their files.
    sockets = tempfile.mkdtemp(prefix="ipcm-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in folders.items():  # who starts a kernel looks there, too
            patch.setenv(name, folder)
        manager: Any = KernelManager(transport="ipc", ip=f"{sockets}/k")
        manager.start_kernel(env=environment, cwd=str(tmp_path), stderr=-3, stdout=-3)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=LIMIT)
        kernel = Kernel(manager, client)
        kernel("%load_ext ipcm")
        yield kernel
    finally:
        client.stop_channels()
        pid = manager.provisioner.pid if manager.has_kernel else None
        if manager.has_kernel:
            manager.shutdown_kernel(now=False)
        manager.cleanup_resources()
        shutil.rmtree(sockets)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: gone(pid))
        manager.context.destroy()
        ensure_event_loop().close()
        # They are in sessions of their own, where the look at what a test leaves does not reach.
        wait_until(lambda: not processes_of(tmp_path))
