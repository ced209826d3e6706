"""The directory of a bus: private, however long its path, swept when the bus is dead."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm.transports.unix.route import Route, remove_directory


def test_the_bus_s_path_may_be_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / ("d" * 200) / "r"
    place.parent.mkdir()
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
    with ipcm.service("echo", ipcm.EchoService) as handle:
        assert handle.request(1) == 1
        assert len(handle.bus.route) > 200
    assert list(place.iterdir()) == []


class TestDirectory:
    @pytest.fixture
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        place = tmp_path / "r"
        monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
        return place

    def test_others_may_enter(self, place: Path) -> None:
        place.mkdir()
        place.chmod(0o755)
        with pytest.raises(ipcm.InsecureDirectory, match="chmod 700"):
            ipcm.spawn()
        assert ipcm.buses() == []
        for name in (None, "mine"):
            with pytest.raises(ipcm.InsecureDirectory, match="chmod 700"):
                ipcm.find_bus(name)

    def test_a_planted_link(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ipcm.InsecureDirectory, match="symbolic link"):
            ipcm.spawn()

    def test_a_link_in_the_place_of_the_bus(self, place: Path, tmp_path: Path) -> None:
        place.mkdir(mode=0o700)
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (place / "mine").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ipcm.InsecureDirectory, match="symbolic link"):
            ipcm.spawn("mine")
        assert (tmp_path / "elsewhere").is_dir()

    def test_a_file_in_its_place(self, place: Path) -> None:
        place.write_text("")
        with pytest.raises(ipcm.InsecureDirectory, match="not a directory"):
            ipcm.spawn()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_somebody_else_s(self, place: Path) -> None:
        place.mkdir(mode=0o700)
        os.chown(place, 12345, 12345)
        with pytest.raises(ipcm.InsecureDirectory, match="belongs to user 12345"):
            ipcm.spawn()

    @pytest.mark.parametrize(
        "files",
        [
            (),
            ("id_rsa",),
            ("lock",),
            ("bus.json",),
            ("lock", "log/app.log"),
            ("bus.json", "lock", "notes"),
            ("p/readme",),
            (".new-1-0-abcdef01/thesis",),
            (".new-one/thesis",),
        ],
    )
    def test_what_is_no_bus_is_not_touched(self, place: Path, files: tuple[str, ...]) -> None:
        place.mkdir(mode=0o700)
        other = place / "mine"
        other.mkdir(mode=0o700)
        for file in files:
            target = (place if file.startswith(".new") else other) / file
            target.parent.mkdir(mode=0o700, exist_ok=True)
            target.write_text("precious")
        before = sorted(place.rglob("*"))
        assert ipcm.buses() == []
        with pytest.raises(ipcm.NoSuchBus):
            ipcm.find_bus("mine")
        with ipcm.spawn():
            assert len(ipcm.buses()) == 1
        assert sorted(place.rglob("*")) == before

    def test_a_name_that_something_else_has(self, place: Path) -> None:
        (place / "mine").mkdir(parents=True)
        place.chmod(0o700)
        (place / "mine").chmod(0o700)
        (place / "mine" / "id_rsa").write_text("precious")
        with pytest.raises(ipcm.BusError, match="mine is there, and is no bus"):
            ipcm.spawn("mine")
        assert [path.name for path in place.rglob("*")] == ["mine", "id_rsa"]

    def test_leftovers_of_a_dead_bus_are_swept(self, place: Path) -> None:
        with ipcm.spawn("old"):
            copy = place / "stale"
            os.system(f"cp -r {place}/old {copy}")
        assert [bus.name for bus in ipcm.buses()] == []
        assert not copy.exists()

    def test_a_bus_name_is_unique_while_it_lives(self, place: Path) -> None:
        with ipcm.spawn("only"), pytest.raises(ipcm.NameTaken):
            ipcm.spawn("only")
        with ipcm.spawn("only") as again:
            assert ipcm.find_bus().name == "only" == again.name

    def test_what_is_no_directory_in_the_place_of_the_bus(self, place: Path) -> None:
        place.mkdir(mode=0o700)
        (place / "file").write_text("mine")
        os.mkfifo(place / "fifo")
        for name in ("file", "fifo"):
            with pytest.raises(ipcm.InsecureDirectory, match="not a directory"):
                ipcm.spawn(name)
        assert (place / "file").read_text() == "mine"
        assert ipcm.buses() == []

    def test_a_bus_that_others_may_enter_is_not_joined(self, place: Path) -> None:
        with ipcm.spawn("open") as bus:
            os.chmod(bus.route, 0o777)
            for use in (lambda: ipcm.connect("x", bus.info), bus.peers):
                with pytest.raises(ipcm.InsecureDirectory, match="0777"):
                    use()
            assert ipcm.buses() == []
            with pytest.raises(ipcm.InsecureDirectory):
                ipcm.spawn("open")
            os.chmod(bus.route, 0o700)
            assert bus.peers() == []

    @pytest.mark.parametrize("how", [SystemExit, OSError])
    def test_what_was_half_removed_is_swept(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, how: type[BaseException]
    ) -> None:
        """Its remover was killed in the middle, or one of the calls had failed."""
        place.mkdir(mode=0o700)

        def failing(call: Callable[..., None]) -> Callable[..., None]:
            def fail(*args: Any, **options: Any) -> None:
                left.pop()
                if not left:
                    left.extend([None] * 100)
                    raise how
                call(*args, **options)

            return fail

        calls, step = 100, 0
        while step < calls:
            step += 1
            for folder in ("p", "log"):
                (place / "old" / folder).mkdir(mode=0o700, parents=True)
            for file in ("bus.json", "lock", "r", "p/a", "log/_registrar", "log/a", "log/b"):
                (place / "old" / file).touch()
            (place / "old").chmod(0o700)
            left = [None] * step
            with monkeypatch.context() as patched, contextlib.suppress(SystemExit):
                for name in ("unlink", "rmdir"):
                    patched.setattr(os, name, failing(getattr(os, name)))
                remove_directory(place / "old")
                calls = step if len(left) < 50 else calls
            assert ipcm.buses() == []
            assert not os.listdir(place)
        assert calls >= 10

    def test_one_that_somebody_has_removed_ends_all_the_same(self, place: Path) -> None:
        with ipcm.spawn("old") as bus:
            assert bus.peers() == []
            shutil.rmtree(place / "old")
            began = time.monotonic()
            bus.shutdown(grace=40.0)
            assert time.monotonic() - began < 20

    def test_where_no_changes_are_taken(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        with ipcm.spawn("live") as bus:
            (place / "dead").mkdir(mode=0o700)
            (place / "dead" / "bus.json").touch()
            with monkeypatch.context() as patched:
                patched.setattr(Route, "lock", refuse)
                patched.setattr(Route, "listen", refuse)
                assert [each.name for each in ipcm.buses()] == ["live"]
                with pytest.raises(ipcm.BusError, match=r"cannot join .* Read-only file system"):
                    bus.connect("a")
            (place / "dead" / "bus.json").unlink()
            (place / "dead").rmdir()

    def test_leftovers_are_swept_when_another_bus_is_made(self, place: Path) -> None:
        with ipcm.spawn("old"), ipcm.spawn("live") as live:
            shutil.copytree(place / "old", place / "stale", ignore=lambda *_: ["r"])
            with ipcm.spawn("new"):
                assert {path.name for path in place.iterdir()} == {"old", "live", "new"}
                assert live.peers() == []

    def test_a_record_that_is_cut_short_is_none(self, place: Path) -> None:
        with ipcm.spawn("old") as bus:
            record = Path(bus.route, "bus.json").read_bytes()
        contents = [record[:size] for size in range(0, len(record), 7)]
        contents += [b"\xff" * 20, b"[" * 100_000, b"null", record.replace(b"old", b"\xff\xfe\xfd")]
        for content in contents:
            (place / "old").mkdir(mode=0o700)
            (place / "old" / "lock").touch()
            (place / "old" / "bus.json").write_bytes(content)
            with pytest.raises(ipcm.BusGone):
                ipcm.connect("x", bus.info)
            assert ipcm.buses() == []
            assert not (place / "old").exists()

    def test_the_next_start_on_a_dead_bus_s_route_works(self, place: Path) -> None:
        (place / "again" / "p").mkdir(mode=0o700, parents=True)
        place.chmod(0o700)
        (place / "again").chmod(0o700)
        (place / "again" / "lock").touch()
        (place / "again" / "bus.json").write_bytes(b"{}")
        with ipcm.spawn("again") as bus, bus.connect("a") as a:
            assert a.peers() == []
