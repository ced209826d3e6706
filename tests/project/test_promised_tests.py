"""Pages that say what is tested: every name of the role is there, and every test that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ipcm
from ipcm import Activity, ServiceRole

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| (activity )?`(\w+)` \| (.+) \| `([\w/.:]+)` \|$", re.MULTILINE)

SEED = [
    "new",
    "orig_io",
    "name",
    "run",
    "ipcm_info",
    "pid",
    "set_pid",
    "watch_pids",
    "handle_request",
    "cycle",
    "interval",
    "use_posix_exit",
    "intercept_errors",
    "expose_error_details",
    "terminated",
    "is_terminated",
    "terminate",
    "peer_class",
    "handle_class",
    "signals_to_grab",
    "redirect",
    "pre_fork_hook",
    "post_fork_hook",
    "run_on_all",
    "run_on_cleanup",
    "run_on_general_message",
    "run_on_interval",
    "run_on_peer_delta",
    "run_on_pid",
    "run_on_sig",
    "run_on_start",
    "run_should_end",
    "run_on_unhandled",
    "clear_service_fields",
    "register_worker",
    "workers",
    "reap_workers",
    "terminate_workers",
    "reap_children",
    "send_response",
    "client",
    "in_correct_pid",
    "debug",
    "handle",
    "peer",
    "try",
    "peer_delta",
    "select_handles",
    "watch",
]
"""What the documentation of the original lists: required methods, then the others."""

ACTIVITY = [
    "interval",
    "messages",
    "peer_delta",
    "pid_watch",
    "pids",
    "sigs",
    "terminated",
]


def rows() -> list[tuple[str, str, str, str]]:
    page = (ROOT / "docs/role.md").read_text(encoding="utf-8")
    return ROW.findall(page.partition("## Name by name")[2])


def test_every_name_of_the_original_is_in_the_table_once() -> None:
    assert [name for activity, name, _, _ in rows() if not activity] == SEED
    assert [name for activity, name, _, _ in rows() if activity] == ACTIVITY
    assert all(test for _, _, _, test in rows())


def test_every_name_is_there() -> None:
    different = {"new": "__init__", "try": "try_"}
    values = {"orig_io", "name", "ipcm_info", "pid", "watch_pids"}
    for name in set(SEED) - values:
        assert hasattr(ServiceRole, different.get(name, name)), name
    assert values <= set(ServiceRole.__annotations__)
    activity = Activity()
    for name in ACTIVITY:
        assert not getattr(activity, name)


@pytest.mark.parametrize("page", ["role", "promises"])
def test_every_test_that_is_named_exists(page: str) -> None:
    named = NAMED.findall((ROOT / f"docs/{page}.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        if test:
            source = path.read_text(encoding="utf-8")
            assert re.search(rf"^ *def {test}\(", source, re.MULTILINE), f"{file}::{test}"


def test_the_pages_name_the_errors_as_they_are() -> None:
    for page in ("role", "promises"):
        text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
        for name in re.findall(r"`([A-Z]\w*(?:Error|Timeout|Gone|Peer|Response|Died))`", text):
            assert name == "TypeError" or hasattr(ipcm, name), name
