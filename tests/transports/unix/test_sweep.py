"""What the registrar removes in the directory of a bus."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from ipcm._core.presence import PeerInfo
from ipcm._os.output import open_output
from ipcm.transports.unix import sweep
from ipcm.transports.unix.route import Route
from ipcm.transports.unix.sweep import Sweep


def test_outputs_of_those_who_ended_before_many_others_go(tmp_path: Path) -> None:
    for folder in ("p", "log"):
        (tmp_path / folder).mkdir()
    old = [f"{number}" for number in range(sweep._KEPT + 10)]
    for written, name in enumerate(["lives", "_registrar", "starts", *old]):
        (tmp_path / "log" / name).touch()
        os.utime(tmp_path / "log" / name, (written, written))
    os.close(open_output(str(tmp_path / "log" / "starts")))
    route = Route(str(tmp_path))
    try:
        Path(route.peer_address("lives", "1" * 32)).touch()
        lives = PeerInfo("lives", os.getpid(), "1" * 32, "service", True, time.time())
        swept = Sweep(route)
        swept.run(0.0, [lives])
        assert swept.due == math.inf
    finally:
        route.close()
    # One of the last hundred is that which starts.
    assert set(os.listdir(tmp_path / "log")) == {"lives", "_registrar", "starts", *old[11:]}
