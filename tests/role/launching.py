"""Services of the launcher, and who is a child of whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipcm


def launched(name: str, *args: Any, **params: Any) -> Any:
    return ipcm.service(name, *args, start="launcher", **params)


def children_of(pid: int | None) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
