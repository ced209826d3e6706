"""SIGKILL for the registrar and for clients, again and again: what the promises say still holds."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Bus, Client
from ipcm._core.presence import Answer, Leave
from ipcm._os.process import identify
from ipcm.bus import open_client
from ipcm.transports.unix import wards
from tests._os.processes import died, sleeping
from tests.helpers import soaking, wait_until
from tests.role.consumers import Telling

CLIENTS = 4


class Counting(Telling):
    """Notes what each life of a sender said last, and who came and went, by name."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.last: dict[str, int] = {}
        self.wrong: list[str] = []
        self.there: dict[str, int] = {}

    def run_on_general_message(self, message: ipcm.Message) -> None:
        life, number = message.content
        if number != self.last.get(life, 0) + 1:
            self.wrong.append(f"{life}: {number} after {self.last.get(life)}")
        self.last[life] = number

    def run_on_peer_delta(self, delta: dict[str, int]) -> None:
        for name, change in delta.items():
            self.there[name] = self.there.get(name, 0) + change
            if self.there[name] not in (0, 1):
                self.wrong.append(f"{name}: {change:+} is one too many")

    def handle_request(self, request: Any, message: Any) -> Any:
        return [sorted(n for n, there in self.there.items() if there), self.wrong, self.last]


def live(info: str, name: str) -> None:
    """A client that says and asks something, and asks who is there, as long as it lives."""
    life, number = f"{name} {os.getpid()}", 0
    client = joined(info, name)
    while True:
        with contextlib.suppress(ipcm.NoSuchPeer, ipcm.PeerGone, ipcm.RequestTimeout):
            client.send_message("counting", [life, number + 1])
            number += 1
            client.request("counting", None, 5)
            client.peers()
        client.poll(0.001)


def joined(info: str, name: str) -> Client:
    while True:
        try:
            return ipcm.connect(name, info)
        except ipcm.NameTaken:
            time.sleep(0.001)


def start(info: str, name: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            live(info, name)
        finally:
            os._exit(1)
    return pid


def registrars(keeper: int, service: int) -> list[int]:
    """Those that may be the registrar: the first one, and what the service has started since."""
    started = Path(f"/proc/{service}/task/{service}/children").read_text().split()
    return [keeper, *map(int, started)]


def kill_registrar(keeper: int, service: int) -> None:
    for pid in registrars(keeper, service):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if pid == keeper:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def check(bus: Bus, asker: Client, clients: dict[str, int]) -> None:
    """Each that lives is there, and each that was killed is not; nothing was told twice."""

    def settled() -> bool:
        there, wrong, _ = asker.request("counting", None, 10)
        assert wrong == []
        return {*clients} <= {*there} and {*clients} <= {*bus.peers()}

    wait_until(settled, limit=10)
    place = Path(bus.route) / "p"
    # Of a name that has come back there is the socket of its last life only, in a moment.
    wait_until(lambda: sorted(file.name.partition("~")[0] for file in place.iterdir()) == sorted(
        ["asker", "counting", *clients]
    ), limit=10)  # fmt: skip


def loop(kills: int, seed: int) -> int:
    chance = random.Random(seed)
    with (
        ipcm.spawn() as bus,
        ipcm.service("counting", Counting, bus=bus) as handle,
        bus.connect("asker") as asker,
    ):
        keeper, service = bus._record.keeper_pid, handle.service_pid
        assert keeper is not None
        assert service is not None
        clients = {f"c{n}": start(bus.info, f"c{n}") for n in range(CLIENTS)}
        try:
            for _ in range(kills):
                time.sleep(chance.random() ** 2 * 0.1)
                if chance.random() < 0.3:
                    kill_registrar(keeper, service)
                else:
                    name = chance.choice(sorted(clients))
                    os.kill(clients[name], signal.SIGKILL)
                    os.waitpid(clients[name], 0)
                    clients[name] = start(bus.info, name)
            check(bus, asker, clients)
            lives = asker.request("counting", None, 10)[2]
        finally:
            for pid in clients.values():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        wait_until(lambda: not {*clients} & {*asker.request("counting", None, 10)[0]}, limit=10)
        assert asker.request("counting", None, 10)[1] == []
        for name in clients:
            with bus.connect(name):
                pass
    return len(lives)


@pytest.mark.parametrize("seed", range(2))
def test_a_few_at_random(seed: int) -> None:
    assert loop(12, seed) >= CLIENTS


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 100 + soaking(2, 10)))
def test_many_at_random(seed: int) -> None:
    assert loop(soaking(60, 200), seed) > CLIENTS


def test_one_that_has_left_ends_with_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its line stays open: a child of its may hold a copy."""
    monkeypatch.setattr(wards, "_GRACE", 0.1)  # the registrar is forked from here
    read, write = os.pipe()
    with ipcm.spawn() as bus, sleeping() as master, contextlib.ExitStack() as stack:
        stack.callback(os.close, read)
        stack.callback(os.close, write)
        left = os.fork()
        if left == 0:
            try:
                client = open_client("left", bus, kind="service")
                members = client.port._members  # type: ignore[attr-defined]
                members.end_with(identify(master))
                members._link.ask(Leave(members._link.next_seq()), Answer)
                os.write(write, b"l")
                signal.pause()
            finally:
                os._exit(1)
        stack.callback(os.waitpid, left, 0)
        stack.callback(os.kill, left, signal.SIGKILL)
        assert os.read(read, 1) == b"l"
        os.kill(master, signal.SIGKILL)
        assert died(master)
        assert not died(left, 1.0)
