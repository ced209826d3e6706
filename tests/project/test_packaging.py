"""What somebody gets who installs ipcm."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, as it would be published."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = place.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_two_packages(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ipcm", "ipcm_tui"}
    assert {"ipcm/py.typed", "ipcm_tui/py.typed", "ipcm_tui/console.tcss"} <= set(names)


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    for package, place in (("ipcm", ROOT), ("ipcm_tui", ROOT / "tui")):
        sources = {str(path.relative_to(place)) for path in (place / package).rglob("*.py")}
        assert sources <= set(wheel.namelist())


def test_each_dependency_has_a_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    project = tomllib.loads("\n".join(lines))["project"]
    wanted = [*project["dependencies"]]
    for extra, packages in project["optional-dependencies"].items():
        wanted += [package for package in packages if extra != "all"]
    for package in wanted:
        if package.startswith("ipcm["):
            continue
        (line,) = {line for line in lines if line.strip().startswith(f'"{package}"')}
        assert "#" in line, f"{package}: why?"
