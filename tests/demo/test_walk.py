"""The walk: regular files only, in slices, whatever else is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Self

import pytest

from ipcm.demo.walk import Walk, open_directory, pseudo_devices
from tests.demo.trees import NOT_UTF8, make_awkward, permissions_hold, walk_all


class Ticks:
    """A clock that goes on by one second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_finds_regular_files_and_counts_the_rest(tmp_path: Path) -> None:
    make_awkward(tmp_path)
    walk = Walk(os.fsencode(tmp_path))
    found = {file.path for file in walk_all(walk)}
    assert found == {
        b"plain.txt",
        b"empty",
        NOT_UTF8,
        b"sub/latin1.txt",
        b"sub/deep/binary.bin",
    }
    assert walk.files == 5
    assert walk.directories == 3
    assert walk.left_out == 3
    assert walk.errors == 0
    assert walk.skipped == {"dangling link": 2, "link": 3, "fifo": 1, "socket": 1}


def test_tells_what_a_change_would_change(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    status = file.stat()
    (found,) = walk_all(Walk(os.fsencode(tmp_path)))
    assert found == (b"a", status.st_mtime_ns, 5, status.st_ino)


def test_goes_on_where_it_stopped_one_entry_at_a_time(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"d{number % 4}").mkdir(exist_ok=True)
        (tmp_path / f"d{number % 4}" / f"f{number}").touch()
    walk = Walk(os.fsencode(tmp_path))
    found, steps = [], 0
    while not walk.done:
        part = walk.step(60.0, 1)
        assert len(part) <= 1
        found += part
        steps += 1
    assert len({file.path for file in found}) == len(found) == 20
    assert steps > 20


def test_stops_when_the_time_is_over(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"f{number}").touch()
    walk = Walk(os.fsencode(tmp_path))
    first = walk.step(5.5, 10_000, Ticks())
    assert 1 <= len(first) <= 6
    assert not walk.done
    assert len(first) + len(walk_all(walk)) == 50


def test_a_step_without_time_still_goes_on(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    walk = Walk(os.fsencode(tmp_path))
    found = []
    for _ in range(10):
        found += walk.step(0.0, 100, Ticks())
    assert walk.done
    assert [file.path for file in found] == [b"f"]


def test_a_directory_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").touch()

    def opener(path: bytes) -> int:
        if path.endswith(b"bad"):
            raise PermissionError(13, "Permission denied")
        return open_directory(path)

    walk = Walk(os.fsencode(tmp_path), opener=opener)
    assert [file.path for file in walk_all(walk)] == [b"good/f"]
    assert walk.errors == 1


@pytest.mark.skipif(not permissions_hold(), reason="permissions do not stop this user")
def test_a_directory_without_permission_is_counted(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir(mode=0)
    walk = Walk(os.fsencode(tmp_path))
    assert walk_all(walk) == []
    assert walk.errors == 1


def test_a_directory_that_fails_in_the_middle_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").touch()

    class Failing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def __next__(self) -> os.DirEntry[str]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", lambda _path: Failing())
    walk = Walk(os.fsencode(tmp_path))
    assert walk_all(walk) == []
    assert walk.errors == 1


def test_a_directory_that_vanishes_is_skipped(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").touch()
    walk = Walk(os.fsencode(tmp_path))
    while walk.directories < 2:
        walk.step(60.0, 1)
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    shutil.rmtree(tmp_path / "c")
    walk_all(walk)
    assert walk.skipped["vanished"] >= 2
    assert walk.errors == 0


def test_a_directory_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    walk = Walk(os.fsencode(root))
    while walk.directories < 1:
        walk.step(60.0, 1)
    walk.step(60.0, 1)  # has seen `sub`, and not opened it
    (root / "sub").rmdir()
    (root / "sub").symlink_to(outside)
    assert walk_all(walk) == []
    assert walk.skipped["vanished"] == 1


def test_a_root_that_vanishes_is_an_error(tmp_path: Path) -> None:
    walk = Walk(os.fsencode(tmp_path / "nowhere"))
    assert walk_all(walk) == []
    assert walk.errors == 1


def test_keeps_one_directory_open_at_most_and_none_when_closed(tmp_path: Path) -> None:
    deep = tmp_path
    for name in "abcdef":
        deep /= name
        deep.mkdir()
        (deep / "file").touch()
    before = len(os.listdir("/proc/self/fd"))
    walk = Walk(os.fsencode(tmp_path))
    while not walk.done:
        walk.step(60.0, 1)
        # The directory, and what scandir made of it.
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert len(os.listdir("/proc/self/fd")) == before
    other = Walk(os.fsencode(tmp_path))
    other.step(60.0, 2)
    other.close()
    assert other.done
    assert len(os.listdir("/proc/self/fd")) == before


def test_other_file_systems_can_be_avoided(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f").touch()
    (tmp_path / "g").touch()
    walk = Walk(os.fsencode(tmp_path), avoid=frozenset({tmp_path.stat().st_dev}))
    # The root itself is what was asked for.
    assert [file.path for file in walk_all(walk)] == [b"g"]
    assert walk.left_out == 1


def test_pseudo_file_systems_are_told_from_real_ones(tmp_path: Path) -> None:
    proc = os.stat("/proc").st_dev
    assert proc in pseudo_devices(os.fsencode(tmp_path))
    assert proc not in pseudo_devices(b"/proc")
    assert os.stat("/").st_dev not in pseudo_devices(b"/")
    assert pseudo_devices(b"/", ("/", "/no/such/place")) == frozenset()
