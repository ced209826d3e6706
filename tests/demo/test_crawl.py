"""What is indexed next: batches, failures, removals, one after the other."""

from __future__ import annotations

import os
from pathlib import Path

from ipcm.demo.crawl import Batch, Catalogue, Crawl, Phase
from ipcm.demo.walk import Found, Walk


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def file(name: str, mtime: int = 1, size: int = 1, inode: int = 1) -> Found:
    return Found(name.encode(), mtime, size, inode)


def make(root: Path, clock: Clock, **options: float) -> Crawl:
    return Crawl(lambda: Walk(os.fsencode(root)), **{"rest": 1.0, **options})  # type: ignore[arg-type]


def take_all(crawl: Crawl, clock: Clock) -> list[Batch]:
    """Takes and finishes batches until the pass has settled."""
    batches = []
    for _ in range(1000):
        crawl.turn(1.0, clock)
        while (batch := crawl.take()) is not None:
            batches.append(batch)
            crawl.done(batch.serial)
        if crawl.phase is not Phase.WALKING:
            crawl.turn(1.0, clock)
            return batches
    raise AssertionError("the pass does not end")


def next_pass(crawl: Crawl, clock: Clock) -> list[Batch]:
    assert crawl.phase is Phase.RESTING
    clock.now += 1.0
    return take_all(crawl, clock)


def test_catalogue_tells_new_and_changed_from_known() -> None:
    catalogue = Catalogue(10)
    catalogue.begin()
    assert catalogue.see(file("a"))
    assert not catalogue.see(file("a"))
    assert catalogue.see(file("a", mtime=2))
    assert catalogue.see(file("a", mtime=2, size=2))
    assert catalogue.see(file("a", mtime=2, size=2, inode=2))
    assert not catalogue.see(file("a", mtime=2, size=2, inode=2))
    assert len(catalogue) == 1


def test_catalogue_tells_what_a_pass_has_not_seen() -> None:
    catalogue = Catalogue(10)
    catalogue.begin()
    assert [catalogue.see(file(name)) for name in "abc"] == [True] * 3
    assert catalogue.take_missing() == []
    catalogue.begin()
    catalogue.see(file("b"))
    assert sorted(catalogue.take_missing()) == [b"a", b"c"]
    assert catalogue.take_missing() == []
    assert catalogue.see(file("a"))


def test_catalogue_is_bounded() -> None:
    catalogue = Catalogue(2)
    catalogue.begin()
    assert [catalogue.see(file(name)) for name in "abcd"] == [True, True, False, False]
    assert (len(catalogue), catalogue.over) == (2, 2)
    assert catalogue.see(file("a", mtime=9))
    catalogue.begin()
    assert catalogue.over == 0


def test_batches_are_bounded_in_files_and_bytes(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"f{number}").write_bytes(b"x" * 10)
    (tmp_path / "large").write_bytes(b"x" * 500)
    clock = Clock()
    batches = take_all(make(tmp_path, clock, batch_files=4, batch_bytes=100), clock)
    assert sum(len(batch.paths) for batch in batches) == 11
    assert all(len(batch.paths) <= 4 for batch in batches)
    assert all(batch.bytes <= 100 or batch.paths == [b"large"] for batch in batches)
    assert len({batch.serial for batch in batches}) == len(batches)


def test_a_full_queue_holds_the_walk(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"f{number}").touch()
    clock = Clock()
    crawl = make(tmp_path, clock, batch_files=1, queue=3)
    crawl.turn(1.0, clock)
    held = crawl.queued
    assert held < 300
    for _ in range(5):
        crawl.turn(1.0, clock)
    assert crawl.queued == held
    assert crawl.phase is Phase.WALKING
    assert sum(len(batch.paths) for batch in take_all(crawl, clock)) == 2000


def test_what_is_known_is_not_indexed_again(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("same")
    (tmp_path / "other").write_text("before")
    clock = Clock()
    crawl = make(tmp_path, clock)
    assert len(take_all(crawl, clock)) == 1
    assert crawl.passes == 1
    assert next_pass(crawl, clock) == []
    (tmp_path / "other").write_text("afterwards")
    (tmp_path / "new").touch()
    (batch,) = next_pass(crawl, clock)
    assert sorted(batch.paths) == [b"new", b"other"]


def test_a_pass_rests_before_the_next(tmp_path: Path) -> None:
    clock = Clock()
    crawl = make(tmp_path, clock, rest=5.0)
    take_all(crawl, clock)
    clock.now += 4.9
    crawl.turn(1.0, clock)
    assert (crawl.phase, crawl.passes) == (Phase.RESTING, 1)
    clock.now += 0.2
    crawl.turn(1.0, clock)
    assert crawl.passes == 2


def test_a_failed_batch_is_tried_once_more(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "g").touch()
    clock = Clock()
    crawl = make(tmp_path, clock)
    crawl.turn(1.0, clock)
    batch = crawl.take()
    assert batch is not None
    assert crawl.failed(batch.serial)
    again = crawl.take()
    assert again is batch
    assert crawl.phase is Phase.SETTLING
    assert not crawl.failed(batch.serial)
    assert crawl.files_failed == 2
    assert crawl.take() is None
    crawl.turn(1.0, clock)
    assert crawl.passes == 1
    assert not crawl.failed(batch.serial)
    assert crawl.files_failed == 2


def test_a_batch_without_a_worker_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    clock = Clock()
    crawl = make(tmp_path, clock)
    crawl.turn(1.0, clock)
    for _ in range(5):
        batch = crawl.take()
        assert batch is not None
        crawl.put_back(batch)
    batch = crawl.take()
    assert batch is not None
    assert crawl.failed(batch.serial)


def test_a_pass_waits_for_its_workers_before_it_removes(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    clock = Clock()
    crawl = make(tmp_path, clock)
    take_all(crawl, clock)
    (tmp_path / "old").unlink()
    (tmp_path / "new").touch()
    clock.now += 1.0
    crawl.turn(1.0, clock)
    batch = crawl.take()
    assert batch is not None
    crawl.turn(1.0, clock)
    assert (crawl.phase, crawl.take_removals()) == (Phase.SETTLING, [])
    crawl.done(batch.serial)
    crawl.turn(1.0, clock)
    assert crawl.phase is Phase.REMOVING
    assert crawl.take_removals() == [b"old"]
    assert crawl.take_removals() == []
    crawl.turn(1.0, clock)
    assert crawl.phase is Phase.REMOVING
    crawl.removed(False)
    assert crawl.take_removals() == [b"old"]
    assert crawl.passes == 1
    crawl.removed(True)
    crawl.turn(1.0, clock)
    assert crawl.passes == 2


def test_removals_come_in_pieces(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / f"f{number}").touch()
    clock = Clock()
    crawl = make(tmp_path, clock)
    take_all(crawl, clock)
    for path in tmp_path.iterdir():
        path.unlink()
    clock.now += 1.0
    crawl.turn(1.0, clock)
    pieces = []
    while paths := crawl.take_removals():
        pieces.append(len(paths))
        crawl.removed(True)
    assert pieces == [1000, 1000, 500]


def test_a_new_store_gets_everything(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).touch()
    clock = Clock()
    crawl = make(tmp_path, clock, batch_files=2)
    crawl.turn(1.0, clock)
    out = crawl.take()
    assert out is not None
    crawl.reset()
    assert not crawl.failed(out.serial)
    batches = take_all(crawl, clock)
    assert sorted(path for batch in batches for path in batch.paths) == [b"a", b"b", b"c"]
    assert crawl.phase is Phase.RESTING
