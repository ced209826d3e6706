"""A bus with two services, and a place for it that belongs to one test."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from tests.console import commands
from tests.console.commands import install_front_end
from tests.console.warm import Warm


class Store(ipcm.Service):
    """Keeps nothing."""

    @ipcm.endpoint
    def search(self, text: str, limit: int = 1) -> list[str]:
        """Finds what it is told to find."""
        return [text] * limit

    @ipcm.endpoint
    def stats(self) -> dict[str, int]:
        """Says how it is."""
        return {"files": 3}

    @ipcm.endpoint
    def never(self) -> Any:
        """Is not answered."""
        return ipcm.DEFERRED

    @ipcm.endpoint
    def die(self) -> None:
        """Ends without an answer."""
        os._exit(3)

    @ipcm.endpoint
    def fail(self) -> None:
        """Fails, and does not say why."""
        raise ValueError("a secret")

    @ipcm.endpoint
    def nasty(self) -> str:
        """Answers what steers a terminal."""
        return "\x1b[2J\x9b31m"


class Probe(ipcm.Service):
    """Asks the store."""

    @ipcm.endpoint
    def nothing(self) -> None:
        """Does nothing."""

    def run_on_interval(self) -> None:
        with contextlib.suppress(ipcm.NoSuchPeer):
            self.peer("store").send_request({"endpoint": "stats"}, lambda response, message: None)


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """A process that need not load ipcm for each command."""
    with contextlib.closing(Warm()) as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "warm", started)
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for buses of this test alone."""
    place = tmp_path / "run"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
    monkeypatch.delenv("IPCM_BUS", raising=False)
    return place


@pytest.fixture
def bus(home: Path) -> Iterator[ipcm.Bus]:
    """A bus with the services `store` and `probe`."""
    with (
        ipcm.spawn("here") as made,
        ipcm.service("store", Store, bus=made),
        ipcm.service("probe", Probe, bus=made, interval=0.05, on_sig={"HUP": lambda *_: None}),
    ):
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"file {number}\n")
    return folder


FRONT_END = """
import select
import sys
import ipcm

def main(bus, *, demo=False, read_only=False):
    print("front end on", ipcm.find_bus(bus).name, "demo" if demo else "", flush=True)
    # In slices: a signal that comes between the interpreter's last look and the system call
    # would be heeded when the call returns.
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        pass
    sys.stdin.readline()
    return 7
"""


@pytest.fixture
def front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A front end `tui` that comes before any other."""
    install_front_end(tmp_path, "tui", FRONT_END)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
