"""What the platform has in store for programs that fork, and what is not used because of it."""

from __future__ import annotations

import gc
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.demo.store import Store
from tests._os.processes import died, exit_of, in_child, read_all
from tests.helpers import wait_until
from tests.role.consumers import Telling, double

ROOT = Path(__file__).resolve().parents[2]
MEASURED = {"ipcm/console/bench/subjects.py"}
"""Where connections of multiprocessing are not used, but compared with."""


def sources() -> dict[str, str]:
    files = [*ROOT.glob("ipcm/**/*.py"), *ROOT.glob("tui/**/*.py")]
    assert len(files) > 100
    return {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in files}


def importers(name: str) -> set[str]:
    """Files that import a module or a part of it, wherever in them they do."""
    imports = re.compile(rf"^\s*(from|import) {name}\b", re.MULTILINE)
    return {file for file, text in sources().items() if imports.search(text)}


def test_a_connection_to_a_database_is_opened_in_the_process_that_uses_it() -> None:
    class Looking(Store):
        def handle_request(self, request: Any, message: Any) -> Any:
            if request.payload == "open":
                return [self.opened, os.getpid()]
            return super().handle_request(request, message)

        def run_on_start(self) -> None:
            self.opened = None if "_database" in vars(self) else os.getpid()
            super().run_on_start()

    with ipcm.service("store", Looking) as handle:
        opened, pid = handle.request("open")
        assert opened == pid == handle.service_pid
    assert importers("sqlite3") == {"ipcm/demo/database.py"}


def test_lives_that_begin_in_forks_of_one_process_are_told_apart(bus: Bus) -> None:
    """Generators that were seeded before a fork go on alike in each child."""
    read, write = os.pipe()
    children = []
    for name in ("one", "two"):
        pid = os.fork()
        if pid == 0:
            client = bus.connect(name)
            os.write(write, f"{client.incarnation} {client.port.first_id}\n".encode())
            os._exit(0)
        children.append(pid)
    os.close(write)
    lives = [line.split() for line in read_all(read).splitlines()]
    assert [exit_of(pid) for pid in children] == [0, 0]
    (one, first), (two, second) = lives
    assert one != two
    assert first != second


def test_the_connections_of_multiprocessing_are_not_used() -> None:
    """They block while they are made, and vouch for the other side by MD5."""
    assert importers("multiprocessing") == MEASURED


def test_nobody_on_a_bus_has_an_inotify_instance(bus: Bus) -> None:
    """There are 128 of them for a user, and a bus has a thousand peers."""
    keeper = bus._record.keeper_pid
    with (
        ipcm.service("one", handle_request=double, bus=bus, output="bus") as handle,
        bus.observe() as observer,
        bus.connect("other") as other,
    ):
        handle.request(1)
        handle.output()
        observer.poll(0)
        other.peers()
        for pid in (os.getpid(), handle.service_pid, keeper):
            kinds = [link_of(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
            assert any("eventpoll" in kind for kind in kinds)
            assert not [kind for kind in kinds if "inotify" in kind]


def link_of(fd: Path) -> str:
    try:
        return os.readlink(fd)
    except FileNotFoundError:  # of the listing itself
        return ""


def test_what_a_thread_has_started_outlives_the_thread() -> None:
    """A death signal by prctl(2) would come when the thread ends."""

    def work(service: Any, request: Any, message: Any) -> Any:
        started: list[int] = []
        thread = threading.Thread(target=lambda: started.append(os.fork() or pause()))
        thread.start()
        thread.join()
        return started[0]

    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(ipcm.service("s", handle_request=work, start="fork"))
    )
    thread.start()
    thread.join()
    with found[0] as handle:
        children = [handle.request(None), handle.request(None)]
        try:
            assert not died(children[0], 0.1)
            assert not died(children[1], 0.1)
        finally:
            for pid in children:
                os.kill(pid, signal.SIGKILL)


def pause() -> int:
    signal.pause()
    os._exit(0)


def test_the_only_destructor_closes_a_descriptor() -> None:
    having = [file for file, text in sources().items() if "def __del__" in text]
    assert having == ["ipcm/transports/unix/route.py"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_dropped_does_not_wait() -> None:
    """Not for a service that is stopped, nor for one that is busy."""

    def check() -> float:
        handle = ipcm.service("s", Telling)
        os.kill(handle.service_pid, signal.SIGSTOP)
        handle.send_request("s", 1)
        began = time.monotonic()
        del handle
        gc.collect()
        return time.monotonic() - began

    assert in_child(check) < 4.5  # to wait for it takes five seconds at the least
    wait_until(lambda: ipcm.buses() == [])


@pytest.fixture
def bus() -> Any:
    with ipcm.spawn() as bus:
        yield bus
