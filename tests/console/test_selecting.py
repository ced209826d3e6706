"""`--filter` and `--sort` of the verbs that list."""

from __future__ import annotations

import json

import pytest

import ipcm
from ipcm.console.peers import PEER_FIELDS, PeerRow
from ipcm.console.results import Table
from ipcm.console.selecting import Selection
from tests.console.commands import ipcm_run, rows


def row(name: str, pid: int, errors: int | None) -> PeerRow:
    return PeerRow(
        name=name, kind="service", pid=pid, state="running", uptime=1.0, errors=errors, when=0.0
    )


TABLE = Table(PeerRow, [row("b", 3, 1), row("a", 9, None), row("c", 1, 5)], (), empty="nobody")


@pytest.mark.parametrize(
    ("filter", "sort", "names"),
    [
        (None, None, "bac"), ("", None, "bac"), (None, "name", "abc"), (None, "pid", "cba"),
        (None, "errors", "cba"), (None, "uptime", "bac"), ("errors>0", "errors", "cb"),
        ("not errors>1", "name", "ab"),
    ],
)  # fmt: skip
def test_rows_and_their_order(filter: str | None, sort: str | None, names: str) -> None:
    selected = Selection(PEER_FIELDS, filter, sort)(TABLE)
    assert "".join(each.name for each in selected.rows) == names
    assert selected.empty == "nobody" or filter


def test_where_nothing_matches(bus: ipcm.Bus) -> None:
    run = ipcm_run("ps", "--filter", "errors>10k")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "nothing matches the filter\n")
    assert rows("ps", "--filter", "errors>10k") == []


def test_verbs_take_them(bus: ipcm.Bus) -> None:
    with ipcm.spawn("other"):
        assert [each["name"] for each in rows("ls", "--sort", "services")] == ["here", "other"]
        assert [each["name"] for each in rows("ls", "--filter", "services=0")] == ["other"]
    assert [each["name"] for each in rows("ps", "--filter", "sto")] == ["store"]
    assert [each["name"] for each in rows("top", "--filter", "kind=service prob")] == ["probe"]
    assert [each["name"] for each in rows("top", "--sort", "name")] == ["probe", "store"]
    seen = ipcm_run(
        "tail", "-n", "3", "-o", "jsonl", "--filter",
        "event=message direction=out kind=response latency<1m size<1MiB",
    )  # fmt: skip
    events = [json.loads(line) for line in seen.stdout.splitlines()]
    assert [(each["service"], each["kind"]) for each in events] == [("store", "response")] * 3


def test_a_wrong_filter_is_told_before_anything_else(home: object) -> None:
    for verb in ("ls", "ps", "top", "tail"):
        run = ipcm_run(verb, "--filter", "name~=a and bogus>1")
        assert run.returncode == 2
        assert "no field 'bogus'" in run.stderr
        lines = run.stderr.splitlines()
        assert lines[1][lines[2].index("^") :].startswith("bogus>1")
