"""A real file system without room: who is there already goes on, and the next one is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Service
from tests.helpers import gone, wait_until
from tests.role.consumers import double


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Makes the runtime directory a file system of its own, with what mount(8) is told."""
    place = tmp_path / "small"
    place.mkdir()

    def mount(options: str) -> Path:
        if os.geteuid() != 0 or os.system(
            f"mount -t tmpfs -o {options},mode=0700 none {place} 2>/dev/null"
        ):
            pytest.skip("a file system of one's own takes root, who may mount")
        mounted.append(place)
        monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
        return place

    mounted: list[Path] = []
    try:
        yield mount
    finally:
        if mounted:
            left = list(place.iterdir())
            assert os.system(f"umount --lazy {place}") == 0
            assert left == []


class Writing(Service):
    """Writes to its output what it is asked to."""

    def handle_request(self, request: Any, message: Any) -> Any:
        match request.payload:
            case ["print", size]:
                print("x" * size, flush=True)
            case ["debug", size]:
                self.debug("x" * size)
        return "done"


def fill(place: Path) -> Path:
    file = place / "full"
    with pytest.raises(OSError, match="No space left"), file.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass
    assert os.statvfs(place).f_bavail == 0
    return file


@pytest.mark.parametrize("options", ["size=4k,nr_inodes=3", "size=1m,nr_inodes=5"])
def test_a_bus_is_not_made_and_nothing_of_it_stays(
    small: Callable[[str], Path], options: str
) -> None:
    place = small(options)
    for start in (ipcm.spawn, lambda: ipcm.service("x", handle_request=double)):
        with pytest.raises(ipcm.BusError, match="No space left"):
            start()
        assert list(place.iterdir()) == []


def test_what_is_there_goes_on(small: Callable[[str], Path]) -> None:
    place = small("size=256k")
    with ipcm.spawn() as bus, ipcm.service("s", Writing, bus=bus, output="bus") as handle:
        handle.request(["print", 10])
        full = fill(place)
        assert handle.request(["debug", 100_000]) == "done"
        assert handle.request(None) == "done"
        with pytest.raises(ipcm.RemoteError):  # its print raises, as it does on any full disk
            handle.request(["print", 100_000])
        assert handle.request(None) == "done"
        with bus.connect("new") as client:
            assert client.request("s", None) == "done"
        keeper = bus._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: gone(keeper))
        assert handle.request(None) == "done"
        with bus.connect("late") as client:  # at the next registrar
            assert client.request("s", None) == "done"
        with ipcm.service("other", Writing, bus=bus, output="bus") as other:
            assert other.request(["debug", 100]) == "done"
        full.unlink()
        handle.request(["print", 3])
        wait_until(lambda: handle.output().read().endswith("xxx\n"))


def test_no_room_for_a_peer_s_socket(small: Callable[[str], Path]) -> None:
    place = small("size=1m,nr_inodes=40")
    with ipcm.spawn() as bus, ipcm.service("s", Writing, bus=bus) as handle:
        assert handle.request(None) == "done"
        used: list[Path] = []
        with pytest.raises(OSError, match="No space left"):
            while True:
                (place / f"file{len(used)}").touch()
                used.append(place / f"file{len(used)}")
        with pytest.raises(ipcm.BusError, match=r"'new' cannot join .*No space left"):
            bus.connect("new")
        with pytest.raises(ipcm.ServiceStartError, match="No space left"):
            ipcm.service("t", Writing, bus=bus)
        assert handle.request(None) == "done"
        assert bus.services() == ["s"]
        for file in used:
            file.unlink()
        with bus.connect("new") as client:
            assert client.request("s", None) == "done"
