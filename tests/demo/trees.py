"""Trees of awkward files."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from ipcm.demo.walk import Found, Walk

__all__ = ["NOT_UTF8", "make_awkward", "permissions_hold", "walk_all"]

NOT_UTF8 = b"caf\xe9 \xff.txt"


def make_awkward(root: Path) -> None:
    """Five regular files, and one of everything that is none."""
    (root / "plain.txt").write_text("one two\nthree\n")
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "deep" / "binary.bin").write_bytes(b"\x00\x01\xff" * 100)
    (root / "sub" / "latin1.txt").write_bytes(b"caf\xe9\n")
    (root / "empty").write_bytes(b"")
    with open(os.fsencode(root) + b"/" + NOT_UTF8, "wb") as file:
        file.write(b"strangename inside\n")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / "to-file").symlink_to("plain.txt")
    (root / "to-directory").symlink_to("sub")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "fifo")
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/socket")
    finally:
        os.close(here)
    for name in (".git", "node_modules", "__pycache__"):
        (root / name).mkdir()
        (root / name / "inside").write_text("not looked at\n")


def walk_all(walk: Walk) -> list[Found]:
    """What a whole pass finds."""
    found: list[Found] = []
    while not walk.done:
        found += walk.step(1.0, 1000)
    return found


def permissions_hold() -> bool:
    """Whether permissions stop this user; they do not stop root."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0)
        try:
            return not os.access(place, os.R_OK)
        finally:
            os.chmod(place, 0o700)
