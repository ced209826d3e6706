"""One file is hashed and counted, whatever happens to it meanwhile."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.demo.digest import digest_file, open_file
from ipcm.demo.records import FileFacts, SkippedFile
from tests.demo.trees import NOT_UTF8


def digest(path: Path, **options: Any) -> FileFacts | SkippedFile:
    return digest_file(os.fsencode(path.parent), os.fsencode(path.name), **options)


def facts(path: Path, **options: Any) -> FileFacts:
    found = digest(path, **options)
    assert isinstance(found, FileFacts)
    return found


def test_hashes_and_counts_a_text(tmp_path: Path) -> None:
    content = "eins zwei\n drei\tvier\nfünf".encode()
    (tmp_path / "t").write_bytes(content)
    assert facts(tmp_path / "t") == FileFacts(
        path=b"t",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        lines=2,
        words=5,
        text=content.decode(),
    )


@pytest.mark.skipif(shutil.which("wc") is None, reason="there is no wc here")
def test_counts_as_wc_does(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(b"  a b\x0bc\x0cd\r\n\n\ne  \t f\n g")
    told = subprocess.run(
        ["wc", "-lwc", str(file)], env={"LC_ALL": "C"}, capture_output=True, check=True
    )
    found = facts(file)
    assert [found.lines, found.words, found.size] == list(map(int, told.stdout.split()[:3]))


@given(content=st.binary(max_size=60), chunk=st.integers(1, 8), most=st.integers(0, 70))
def test_the_size_of_the_chunks_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int, most: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "chunks"
    file.write_bytes(content)
    found = facts(file, chunk=chunk, most_text=most)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.size == len(content)
    try:
        text = None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:
        assert (found.text, found.lines, found.words) == (None, 0, 0)
        return
    assert (found.lines, found.words) == (content.count(b"\n"), len(content.split()))
    assert found.text is not None
    assert text.removeprefix("\ufeff").startswith(found.text)
    assert len(found.text.encode()) <= most + 3  # a character that spans two chunks
    if most >= len(content):
        assert found.text == text.removeprefix("\ufeff")


@given(text=st.text(alphabet=" \n\tabä€", max_size=200), chunk=st.integers(1, 9))
def test_words_and_lines_across_chunks(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "words"
    file.write_bytes(text.encode())
    found = facts(file, chunk=chunk)
    assert (found.lines, found.words) == (text.count("\n"), len(text.split()))
    assert found.text == text


@pytest.mark.parametrize(
    "content", [b"ELF\0text", b"caf\xe9", b"cut off \xe2\x82", b"\xff\xfea\0b\0"]
)
def test_what_is_no_utf8_or_has_a_nul_is_binary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    found = facts(tmp_path / "b")
    assert (found.text, found.lines, found.words) == (None, 0, 0)
    assert found.size == len(content)


def test_an_empty_file_is_an_empty_text(tmp_path: Path) -> None:
    (tmp_path / "e").touch()
    found = facts(tmp_path / "e")
    assert (found.size, found.lines, found.words, found.text) == (0, 0, 0, "")


def test_only_the_beginning_of_a_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("ä" * 1000)
    found = facts(tmp_path / "t", most_text=101, chunk=64)
    assert found.text == "ä" * 50
    assert (found.size, found.words) == (2000, 1)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), NOT_UTF8)
    with open(path, "wb") as file:
        file.write(b"x\n")
    found = digest_file(os.fsencode(tmp_path), NOT_UTF8)
    assert isinstance(found, FileFacts)
    assert found.path == NOT_UTF8


def test_a_file_that_has_vanished(tmp_path: Path) -> None:
    assert digest(tmp_path / "gone") == SkippedFile(b"gone", "vanished")
    assert digest_file(os.fsencode(tmp_path), b"no/such/place") == SkippedFile(
        b"no/such/place", "vanished"
    )


def test_a_file_that_vanishes_while_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(b"x")

    def opener(path: bytes) -> int:
        fd = open_file(path)
        os.unlink(path)
        return fd

    assert digest_file(os.fsencode(tmp_path), b"t", opener=opener) == SkippedFile(b"t", "vanished")


def test_a_file_that_grows_or_shrinks_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t"
    real = os.read

    def growing(fd: int, size: int) -> bytes:
        with file.open("ab") as more:
            more.write(b"more and more")
        return real(fd, size)

    def shrinking(fd: int, size: int) -> bytes:
        os.truncate(file, 1)
        return real(fd, size)

    for reader in (growing, shrinking):
        file.write_bytes(b"some text")
        with monkeypatch.context() as patch:
            patch.setattr(os, "read", reader)
            found = digest(file)
        assert found == SkippedFile(b"t", "changed while it was read")


def test_a_file_that_is_rewritten_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t"
    file.write_bytes(b"12345")
    real = os.read

    def rewriting(fd: int, size: int) -> bytes:
        data = real(fd, size)
        os.utime(file, ns=(1, 1))
        return data

    monkeypatch.setattr(os, "read", rewriting)
    assert digest(file) == SkippedFile(b"t", "changed while it was read")


def test_a_file_that_cannot_be_opened_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t").write_bytes(b"x")

    def refuse(_path: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    found = digest_file(os.fsencode(tmp_path), b"t", opener=refuse)
    assert found == SkippedFile(b"t", "unreadable: Permission denied", error=True)

    def broken(_fd: int, _size: int) -> bytes:
        raise OSError(5, "Input/output error")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", broken)
        found = digest(tmp_path / "t")
    assert found == SkippedFile(b"t", "unreadable: Input/output error", error=True)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.timeout(10)
def test_what_took_the_place_of_a_file_neither_blocks_nor_misleads(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "secret").write_text("not to be read\n")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{(here := os.open(tmp_path, os.O_RDONLY))}/socket")
        os.close(here)
        for name in ("fifo", "link", "folder", "socket"):
            assert digest(tmp_path / name) == SkippedFile(name.encode(), "not a regular file")
    assert digest(Path("/dev/zero")) == SkippedFile(b"zero", "not a regular file")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(5000)
    found = digest(tmp_path / "sparse", most_bytes=4999)
    assert found == SkippedFile(b"sparse", "larger than 4,999 bytes")
    assert isinstance(digest(tmp_path / "sparse", most_bytes=5000), FileFacts)


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    found = digest_file(os.fsencode(tmp_path), b"x" * 300)
    assert isinstance(found, SkippedFile)
    assert found.error
    assert found.reason.startswith("unreadable: ")
