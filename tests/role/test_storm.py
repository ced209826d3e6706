"""A storm of kills, and what is read in it: nothing twice, in order, gaps only at deaths."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from typing import Any

import pytest

import ipcm
from tests.helpers import soaking, wait_until
from tests.role.consumers import Telling

SENDERS = 4


class Reader(Telling):
    """Keeps the last number of each life of a sender, and checks each next one."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.last: dict[str, int] = {}
        self.read = self.gone = self.skipped = 0
        self.wrong: list[str] = []

    def run_on_general_message(self, message: ipcm.Message) -> None:
        life, number = message.content
        before = self.last.get(life, 0)
        self.read += 1
        if number <= before:
            self.wrong.append(f"{life}: {number} after {before}")
        # What is lost is lost at the end of a life, so there are no gaps in one.
        self.skipped += number - before - 1
        self.last[life] = number
        if len(self.wrong) > 10:
            self.terminate(1)

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        self.gone += sum(change < 0 for change in delta.values())

    def handle_request(self, request: Any, message: Any) -> Any:
        return [self.read, len(self.last), self.skipped, self.wrong, self.gone]


def send(info: str, name: str) -> None:
    """A sender, for as long as it lives; its reader may die, too."""
    life, number = f"{name} {os.getpid()}", 0
    client = None
    while client is None:
        try:
            client = ipcm.connect(name, info)
        except ipcm.NameTaken:
            time.sleep(0.001)
    while True:
        try:
            client.send_message("reader", [life, number + 1])
            number += 1
            if number % 100 == 0:
                client.poll(0.001)
        except ipcm.NoSuchPeer:
            client.poll(0.002)
        except ipcm.Backpressure:
            client.flush(0.01)


def start(info: str, name: str) -> int:
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            send(info, name)
        os._exit(1)
    return pid


def storm(seconds: float, pause: float, seed: int) -> list[Any]:
    """Kills a sender at random, and starts it again under its name, over and over."""
    chance = random.Random(seed)
    deaths = 0
    with ipcm.service("reader", Reader) as handle:
        info = handle.bus.info
        senders = {f"s{n}": start(info, f"s{n}") for n in range(SENDERS)}
        ends = time.monotonic() + seconds
        try:
            # On a busy machine it takes longer until there was a storm.
            while time.monotonic() < ends or deaths < 5 or handle.request(None)[1] < 2:
                time.sleep(pause * chance.random())
                victim = chance.choice(list(senders))
                os.kill(senders[victim], signal.SIGKILL)
                os.waitpid(senders[victim], 0)
                deaths += 1
                senders[victim] = start(info, victim)
        finally:
            for pid in senders.values():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        wait_until(lambda: not senders.keys() & set(handle.bus.peers()), limit=10)
        told: list[Any] = []

        def settled() -> bool:
            """Whether all is read, and each end told."""
            before, told[:] = told[:], handle.request(None, timeout=30)
            return told == before and told[4] >= told[1]

        wait_until(settled, limit=30)
        return [*told, deaths]


def check(read: int, lives: int, skipped: int, wrong: list[str], gone: int, deaths: int) -> None:
    assert wrong == []
    assert skipped == 0
    assert read >= lives > 1
    # Each death is told once, of those lives that had come to join the bus.
    assert lives <= gone <= deaths + SENDERS


def test_history_under_a_short_storm() -> None:
    check(*storm(0.8, 0.1, 1))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_history_under_a_storm_of_kills() -> None:
    check(*storm(soaking(8, 60), 0.05, 2))
