"""`bench`, with hardly any requests: that it measures, not how fast it is."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from ipcm.console.bench.subjects import MultiprocessingConnection, RawSocket
from tests.console.commands import LIMIT, ipcm_run, left_behind, rows
from tests.helpers import wait_until


@pytest.mark.parametrize("more", [[], ["--one-cpu"]])
def test_every_figure_of_every_system(home: Path, more: list[str]) -> None:
    found = rows("bench", "-n", "3", "--rounds", "1", *more)
    seen = {(row["figure"], row["system"]) for row in found}
    ours = ("ipcm", "ipcm, no spinning")
    assert seen == {
        *(("round trip", system) for system in ("raw socket", "mp.Connection", *ours)),
        *(("pipelined", system) for system in ("mp.Connection", *ours, "ipcm, batch()")),
        *(("1 MiB echo", system) for system in ("raw socket", "mp.Connection", "ipcm")),
    }
    assert all(row["value"] > 0 and row["speed"] > 0 for row in found)
    assert all(row["cpu"] > 0 for row in found if row["figure"] == "round trip")
    assert [row["speed"] for row in found if row["system"] == "mp.Connection"] == [1.0] * 3
    wait_until(lambda: not left_behind(home))


def test_as_a_table(home: Path) -> None:
    run = ipcm_run("bench", "-n", "1", "--rounds", "1")
    assert run.returncode == 0
    assert run.stdout.splitlines()[0].split() == [
        "FIGURE",
        "SYSTEM",
        "MEDIAN",
        "P99",
        "CPU",
        "SPEED",
    ]
    assert run.stderr == "1 round of 1 request each, on all CPUs\n"
    assert ipcm_run("bench", "-n", "0").returncode == 2


@pytest.mark.parametrize("kind", [RawSocket, MultiprocessingConnection])
def test_a_client_that_leaves_before_its_answer_ends_the_server_in_order(
    kind: type[RawSocket | MultiprocessingConnection],
) -> None:
    # As Ctrl-C does: the other end of its socket is reset.
    subject = kind()
    subject.request(0)
    near = subject._near
    os.write(near.fileno(), b"\0\0\0\1\xc0" if isinstance(subject, RawSocket) else b"\0\0\0\2N.")
    assert select.select([near], [], [], LIMIT)[0]
    near.close()
    assert os.waitpid(subject.pid, 0)[1] == 0
