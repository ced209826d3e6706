"""A name belongs to one live peer."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.testing.contract.base import LIMIT, Base, read
from ipcm.testing.running import Thread

__all__ = ["Names"]

_RACERS = 20


class Names(Base):
    """Claimed, refused, given back."""

    def test_a_live_name_is_refused_to_another(self, bus: Bus) -> None:
        with bus.connect("one") as one:
            with pytest.raises(ipcm.NameTaken) as caught:
                bus.connect("one")
            assert caught.value.name == "one"
            assert caught.value.pid == os.getpid()
            with bus.connect("two") as two:
                two.send_message("one", "still mine")
                assert [message.content for message in read(one, 1)] == ["still mine"]

    def test_one_that_left_is_free_and_another_life(self, bus: Bus) -> None:
        lives = set()
        for _ in range(5):
            with bus.connect("one") as one:
                lives.add(one.incarnation)
        assert len(lives) == 5

    def test_one_of_twenty_gets_it(self, bus: Bus) -> None:
        gun, end = threading.Barrier(_RACERS), threading.Event()
        refused: list[bool] = []

        def race() -> bool:
            gun.wait(LIMIT)
            try:
                with bus.connect("winner"):
                    return end.wait(LIMIT)
            except ipcm.NameTaken:
                refused.append(True)
                if len(refused) == _RACERS - 1:
                    end.set()
                return False

        threads = [Thread(race) for _ in range(_RACERS)]
        assert sorted(thread.result() for thread in threads) == [False] * (_RACERS - 1) + [True]

    def test_odd_names_work(self, bus: Bus) -> None:
        for name in ("with space", "x" * 10_000, "😀" * 500, "a.b~c", "..", "h-a"):
            with bus.connect(name) as odd, bus.connect("plain") as plain:
                plain.send_message(name, "there")
                (message,) = read(odd, 1)
                assert (message.to, message.sender) == (name, "plain")
                odd.send_message("plain", "back")
                assert read(plain, 1)[0].sender == name
                assert plain.peers() == [name]
                with pytest.raises(ipcm.NameTaken):
                    bus.connect(name)

    def test_long_names_that_begin_alike_are_two(self, bus: Bus) -> None:
        one, two = "x" * 9_999 + "1", "x" * 9_999 + "2"
        with bus.connect(one) as first, bus.connect(two) as second, bus.connect("plain") as plain:
            plain.send_message(one, 1)
            plain.send_message(two, 2)
            assert [message.content for message in read(first, 1)] == [1]
            assert [message.content for message in read(second, 1)] == [2]

    def test_nobody_has_a_bad_name(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b"):
            for name in ("", "_x", "a/b", "\0", "\ud800", "x" * 100_000):
                with pytest.raises(ipcm.NoSuchPeer) as caught:
                    a.send_message(name, 1)
                assert caught.value.found == ["b"]
                assert not a.peer_exists(name)
            nobody: Any
            for nobody in (5, None, b"b", ["b"]):
                with pytest.raises((ipcm.InvalidName, TypeError)):
                    a.send_message(nobody, 1)
                with pytest.raises((ipcm.InvalidName, TypeError)):
                    a.request(nobody, 1, 5)
            a.send_message("b", 1)

    def test_bad_names_are_refused(self, bus: Bus) -> None:
        names: list[Any] = ["", "_x", "a/b", "a\0b", "a\nb", " a", "\ud800", 5, None]
        for name in names:
            with pytest.raises(ipcm.InvalidName):
                bus.connect(name)
        assert bus.presence() == []
