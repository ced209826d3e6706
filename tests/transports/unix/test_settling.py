"""What is told of those who leave just when everybody has registered at a new registrar."""

from __future__ import annotations

import os
import signal

import pytest

import ipcm
from ipcm import Bus
from ipcm._core.presence import Found, PeerInfo
from ipcm.transports.unix import membership
from ipcm.transports.unix.membership import Membership
from tests.helpers import gone, wait_until


def kill(keeper: int | None) -> None:
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    os.waitpid(keeper, 0)
    assert gone(keeper)


class TestSettling:
    @pytest.mark.parametrize(
        ("step", "subscribed"),
        [("list_peers", True), ("list_peers", False), ("_ask_find", False)],
    )
    def test_it_leaves_once(
        self,
        bus: Bus,
        echo: ipcm.Handle,
        monkeypatch: pytest.MonkeyPatch,
        step: str,
        subscribed: bool,
    ) -> None:
        a, b = bus.connect("a"), bus.connect("b")
        with a, b:
            a.keep_changes = True
            if subscribed:
                a.port.subscribe()
            a.send_message("b", 1)
            a.send_message("echo", 1)
            kill(bus._record.keeper_pid)
            wait_until(
                lambda: [a.get_messages(), b.get_messages()] and {"a", "b"} <= set(bus.peers())
            )
            a.changes.clear()
            before = getattr(Membership, step)

            def last_moment(members: Membership, *name: str) -> list[PeerInfo] | Found:
                if members is a.port._members:  # type: ignore[attr-defined]
                    monkeypatch.undo()
                    b.disconnect()
                return before(members, *name)  # type: ignore[no-any-return]

            monkeypatch.setattr(Membership, step, last_moment)
            wait_until(lambda: [a.get_messages(0.01)] and b.disconnected)
            a.poll()
            a.poll()
            lives = [c.peer.incarnation for c in a.changes if c.peer and c.what == "left"]
            assert lives == [b.incarnation]

    @pytest.mark.parametrize("subscribed", [False, True])
    def test_one_that_comes_back_later_and_leaves_a_process_that_lives_on(
        self,
        bus: Bus,
        echo: ipcm.Handle,
        monkeypatch: pytest.MonkeyPatch,
        subscribed: bool,
    ) -> None:
        monkeypatch.setattr(membership, "_TRUST", 0.2)
        with bus.connect("a") as a, bus.connect("b") as b:
            a.keep_changes = True
            if subscribed:
                a.port.subscribe()
            id = a.send_request("b", 1, timeout=None)
            absent = a.port._absent  # type: ignore[attr-defined]
            kill(bus._record.keeper_pid)
            wait_until(lambda: [a.poll(0.01)] and absent.knows("b", b.incarnation))
            b.peers()
            b.disconnect()
            with pytest.raises(ipcm.PeerGone):
                a.await_response(id, 5)
            a.poll()
            a.poll()
            told = [c.what for c in a.changes if c.peer and c.peer.name == "b"]
            assert told.count("left") == 1 and told[-1] == "left"

    @pytest.mark.parametrize("when", ["lost", "learning"])
    def test_one_that_was_the_first_to_speak_and_leaves(
        self, bus: Bus, echo: ipcm.Handle, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        monkeypatch.setattr(membership, "_TRUST", 0.2 if when == "lost" else 60.0)
        with bus.connect("a") as a, bus.connect("b") as b:
            b.send_message("a", 1)
            assert len(a.get_messages(5)) == 1
            kill(bus._record.keeper_pid)
            if when == "learning":
                wait_until(lambda: [a.poll(0.01)] and "a" in bus.peers())
            id = a.send_request("b", 1, timeout=None)
            absent = a.port._absent  # type: ignore[attr-defined]
            wait_until(lambda: [a.poll(0.01)] and absent.knows("b", b.incarnation))
            b.disconnect()
            with pytest.raises(ipcm.PeerGone):
                a.await_response(id, 5)
