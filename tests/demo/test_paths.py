"""What can be indexed, and what is said where it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ipcm
from ipcm.demo.run import Demo, DemoPathError, check_path
from ipcm.errors import PeerError
from tests.demo.asking import await_passes, found
from tests.demo.trees import permissions_hold


def test_paths_that_cannot_be_indexed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "file").touch()
    (tree / "dangling").symlink_to("nowhere")
    (tree / "loop").symlink_to("loop")
    bad = {
        "no": "there is no such directory",
        "dangling": "there is no such directory",
        "loop": "cannot be used",
        "file": f"this is a file; give its directory: {tree}",
        "file/below": "a part of this path is a file",
        "x" * 300: "cannot be used: File name too long",
        "nul\0": "cannot be used",
        "new\nline": "new\\\\\\\\nline.*there is no such",
    }
    for name, why in bad.items():
        with pytest.raises(DemoPathError, match=why):
            Demo(tree / name if "\0" not in name else f"{tree}/{name}")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DemoPathError, match="cannot be read by you"):
        Demo(tree)


@pytest.mark.skipif(not permissions_hold(), reason="permissions do not stop this user")
@pytest.mark.parametrize("mode", [0, 0o100, 0o400])
def test_a_directory_without_permission(tree: Path, mode: int) -> None:
    tree.chmod(mode)
    try:
        with pytest.raises(DemoPathError, match="cannot be read by you"):
            Demo(tree)
    finally:
        tree.chmod(0o700)


def test_paths_are_made_absolute(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "link").symlink_to(".")
    monkeypatch.chdir(tree)
    assert check_path(".") == check_path("link") == str(tree.resolve())


def test_a_root_whose_name_is_not_utf8(tree: Path) -> None:
    root = os.fsencode(tree) + b"/r\xff"
    os.mkdir(root)
    with open(root + b"/file", "w") as file:
        file.write("inside\n")
    with Demo(os.fsdecode(root)) as demo:
        await_passes(demo)
        assert found(demo, "inside") == ["file"]
    with pytest.raises(DemoPathError, match="no such directory"):
        Demo(os.fsdecode(root + b"/nothing"))


def test_errors_of_the_demo_are_usage_errors() -> None:
    assert issubclass(DemoPathError, ipcm.UsageError)
    assert not issubclass(DemoPathError, PeerError)
