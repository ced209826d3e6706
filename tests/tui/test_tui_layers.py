"""The models do without the screen, and every key can be remapped."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

from textual.binding import Binding

import ipcm_tui


def modules(package: str) -> Iterator[str]:
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        yield module.name


def test_models_import_no_textual() -> None:
    names = [
        *modules("ipcm_tui.models"),
        *(f"ipcm_tui.{name}" for name in
          ("asking", "buses", "control", "history", "living", "processes", "running", "session",
           "sharing", "source")),
    ]  # fmt: skip
    assert len(names) > 8
    code = f"import sys, {', '.join(names)}; sys.exit('textual' in sys.modules)"
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, timeout=50, check=False
    )
    assert done.returncode == 0


def test_every_binding_has_an_id_of_its_own() -> None:
    ids: list[str | None] = []
    for name in modules(ipcm_tui.__name__):
        for thing in vars(importlib.import_module(name)).values():
            if isinstance(thing, type) and thing.__module__ == name:
                bindings = thing.__dict__.get("BINDINGS", ())
                assert all(isinstance(binding, Binding) for binding in bindings)
                ids += [binding.id for binding in bindings]
    assert len(ids) > 20
    assert None not in ids
    assert len(set(ids)) == len(ids)
