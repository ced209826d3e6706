"""What a running demo tells."""

from __future__ import annotations

from ipcm.demo.run import Demo, DemoSummary
from tests.helpers import wait_until

__all__ = ["await_passes", "found", "passes", "stats", "summary"]


def passes(demo: Demo) -> int:
    return int(demo.indexer.call("report")["passes"])


def await_passes(demo: Demo, more: int = 1) -> None:
    """Until whole passes that began after now are over."""
    until = passes(demo) + 1 + more
    wait_until(lambda: passes(demo) >= until, 20.0)


def stats(demo: Demo) -> dict[str, int]:
    answer: dict[str, int] = demo.store.call("stats")
    return answer


def summary(demo: Demo) -> DemoSummary:
    """Of services that answer, however busy the machine is."""
    return demo.summary(15.0)


def found(demo: Demo, text: str) -> list[str]:
    return sorted(hit["path"] for hit in demo.store.call("search", text=text))
