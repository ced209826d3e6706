"""A pytest plugin: several runs of the same tests share them, file by file.

Each run claims a file before it runs it; the claim is a file that only one of them can make.
(pytest-xdist would run the tests beside a thread of its own, and a process with threads is
another one: `start="auto"` does not fork it.)
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

CLAIMS = "IPCM_TEST_CLAIMS"
"""Environment variable: the directory of the claims."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long goes first, so that the runs end together."""
    del config
    sizes: dict[Path, int] = {}
    for item in items:
        sizes[item.path] = sizes.get(item.path, 0) + 1
    slow = ("tui", "console", "notebooks", "shell", "magics")
    items.sort(key=lambda item: (item.path.parent.name not in slow, -sizes[item.path], item.path))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs the files that nobody else runs."""
    if session.config.option.collectonly or session.testsfailed:
        return None
    claims = Path(os.environ[CLAIMS])
    for path, group in itertools.groupby(session.items, lambda item: item.path):
        items = list(group)
        try:
            (claims / str(path).replace("/", "%")[-200:]).touch(exist_ok=False)
        except FileExistsError:
            continue
        for item, following in itertools.zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True
