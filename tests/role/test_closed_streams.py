"""Programs whose standard streams somebody has closed, as some daemons and job runners do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, traceback

def serve(modes):
    import ipcm
    from ipcm.role import launcher
    if "warm" in modes:
        launcher.warm()
    with ipcm.spawn() as bus:
        for start, output in (
            ("fork", "inherit"), ("fork", "bus"), ("launcher", "bus"), ("exec", "inherit")
        ):
            how = {"start": start, "output": output}
            with ipcm.service("echo", ipcm.EchoService, bus=bus, **how) as echo:
                assert echo.request(how) == how
                assert bus.services() == ["echo"]
    null = os.stat(os.devnull)
    assert all(os.path.samestat(os.fstat(fd), null) for fd in map(int, modes[0]))
    assert all(os.get_inheritable(fd) for fd in (0, 1, 2))
    return "fine"

try:
    told = serve(sys.argv[2:])
except BaseException:
    told = traceback.format_exc()
with open(sys.argv[1], "w") as file:
    file.write(told)
"""


@pytest.mark.parametrize(("closed", "modes"), [("0", ""), ("012", ""), ("012", "warm")])
def test_services_start_however_and_nothing_is_written_into_a_socket(
    tmp_path: Path, closed: str, modes: str
) -> None:
    shut = " ".join(f"{fd}<&-" for fd in closed)
    result = tmp_path / "result"
    command = f'exec "$@" {shut}'
    arguments = [sys.executable, "-c", PROGRAM, str(result), closed, modes]
    subprocess.run(["sh", "-c", command, "sh", *arguments], check=True, timeout=40)
    assert result.read_text() == "fine"
