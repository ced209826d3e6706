"""What the registrar removes in the directory of a bus."""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path

import pytest

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


def test_outputs_that_were_opened_a_moment_ago_stay(tmp_path: Path) -> None:
    for folder in ("p", "log"):
        (tmp_path / folder).mkdir()
    young = {f"{number}" for number in range(sweep._KEPT + 10)}
    for name in young:
        (tmp_path / "log" / name).touch()
    with Route(str(tmp_path)) as route:
        Sweep(route).run(0.0, [])
    assert set(os.listdir(tmp_path / "log")) == young


def test_sockets_that_nobody_listens_at_go(tmp_path: Path) -> None:
    for folder in ("p", "log"):
        (tmp_path / folder).mkdir()
    with Route(str(tmp_path)) as route:
        swept = Sweep(route)
        addresses = [route.peer_address(name, "1" * 32) for name in ("known", "dead", "lives")]
        for address in addresses[:2]:
            route.listen(address).close()
        with route.listen(addresses[2]) as listener:
            for address in addresses:
                os.utime(address, (1.0, 1.0))
            route.listen(route.peer_address("young", "1" * 32)).close()
            known, lives, dead = (
                PeerInfo(name, os.getpid(), "1" * 32, "client", True, time.time())
                for name in ("known", "lives", "dead")
            )

            def left() -> set[str]:
                swept.run(5.0, [known])
                return {name.partition("~")[0] for name in os.listdir(tmp_path / "p")}

            assert left() == {"known", "lives", "young"}
            assert swept.due == 6.0, "the young one may be about to listen"
            listener.accept()[0].close()
            os.utime(route.peer_address("young", "1" * 32), (1.0, 1.0))
            assert left() == {"known", "lives"} and swept.due == math.inf
            with pytest.raises(BlockingIOError):
                listener.accept()  # it was seen to listen: it is not asked again
            for peer in (known, lives, dead):
                swept.bury(peer, ended=False)
            assert left() == {"lives"}
            swept.bury(lives, ended=True)
            assert left() == set(), "whoever listens has it from one that has ended"
        shutil.rmtree(tmp_path / "p")
        swept.run(7.0, [known])
        assert swept.due == math.inf, "on a bus that was removed nothing is left to do"
        swept.ask(1.0)
        swept.ask(5.0)
        assert swept.due == 2.0
