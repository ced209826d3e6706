"""Each benchmark can be run; how fast it is, is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.benchmarks import costs, echoes, lives
from tests.benchmarks.figures import Effort, Figure, markdown, table

TINY = Effort(requests=5, rounds=1, echoes=1, starts=1, peers=5, idle=0.01, imports=1, watched=0.01)


@pytest.fixture(autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPCM_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


def test_echoes() -> None:
    pytest.importorskip("zmq")
    check(list(echoes.measure(TINY)), 20)


def test_lives() -> None:
    check(list(lives.measure(TINY)), 7)


def test_costs() -> None:
    check(list(costs.measure(TINY)), 5)


def check(figures: list[Figure], count: int) -> None:
    assert len({figure.name for figure in figures}) == len(figures) == count
    for figure in figures:
        assert figure.unit and (figure.value > 0 or figure.unit == "ms")
        assert (figure.met is None) == (figure.target is None)
        assert figure.row()["ratio"] == figure.ratio
    assert len(table(figures).splitlines()) == count + 1


@pytest.mark.slow
def test_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--only", "costs", "--quick", "--json", "-"],
        capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    document = json.loads(run.stdout)
    assert document["effort"]["rounds"] == 3 and document["cpus"]
    names = [figure["name"] for figure in document["figures"]]
    assert "import ipcm, over import msgspec" in names


def test_a_target_is_met_or_missed() -> None:
    most = Figure(name="a", value=3.0, unit="ms", target=2.0)
    least = Figure(name="b", value=3.0, unit="/s", base=2.0, target=1.5, sense=">=")
    shown = Figure(name="c", value=3.0, unit="us", base=2.0)
    assert (most.met, least.met, shown.met) == (False, True, None)
    assert "| MISSED |" in markdown([most]) and markdown([least, shown]).count("\n") == 4
    assert "MISSED" in table([most]) and "x 1.5" in table([least])
