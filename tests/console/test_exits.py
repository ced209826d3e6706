"""Every error of the tree has its exit code."""

from __future__ import annotations

import inspect
from signal import SIGINT, SIGTERM

import pytest

from ipcm import errors
from ipcm._os.interrupt import Interrupted
from ipcm.console.exits import Exit, exit_for, exit_for_failures, hint_for
from ipcm.console.results import Failure
from ipcm.console.verb import Declined

ERRORS = {
    "IPCMError": (errors.IPCMError("x"), 1),
    "UsageError": (errors.UsageError("x"), 2),
    "WrongProcess": (errors.WrongProcess("x", 1, 2), 2),
    "ConcurrentUse": (errors.ConcurrentUse("x"), 2),
    "InvalidName": (errors.InvalidName("x", "y"), 2),
    "NoSuchSignal": (errors.NoSuchSignal("x"), 2),
    "UnsupportedError": (errors.UnsupportedError("x"), 2),
    "ExtraResponse": (errors.ExtraResponse("x", 1), 2),
    "ContentError": (errors.ContentError("x"), 2),
    "MessageTooLarge": (errors.MessageTooLarge(2, 1), 2),
    "BusError": (errors.BusError("x"), 3),
    "BadBusInfo": (errors.BadBusInfo("x"), 2),
    "NoSuchBus": (errors.NoSuchBus("x"), 3),
    "ManyBuses": (errors.ManyBuses(["x", "y"]), 2),
    "BusGone": (errors.BusGone("x"), 3),
    "NameTaken": (errors.NameTaken("x"), 2),
    "InsecureDirectory": (errors.InsecureDirectory("x", "y"), 3),
    "PeerError": (errors.PeerError("x"), 3),
    "NoSuchPeer": (errors.NoSuchPeer("x"), 3),
    "PeerGone": (errors.PeerGone("x"), 3),
    "RequestTimeout": (errors.RequestTimeout("x", 1.0), 4),
    "RemoteError": (errors.RemoteError("x", "y"), 1),
    "ProtocolError": (errors.ProtocolError("x"), 1),
    "ServiceError": (errors.ServiceError("x", "y"), 1),
    "ServiceStartError": (errors.ServiceStartError("x", "y"), 1),
    "ServiceNameTaken": (errors.ServiceNameTaken("x", "y", "z", 1), 2),
    "ServiceMisuse": (errors.ServiceMisuse("x", "y"), 2),
    "ServiceDied": (errors.ServiceDied("x", "y"), 1),
    "Backpressure": (errors.Backpressure("x", 2, 1), 3),
}


def test_no_error_is_forgotten() -> None:
    assert set(ERRORS) == set(errors.__all__)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    error, code = ERRORS[name]
    assert type(error) is getattr(errors, name)
    assert exit_for(error) == code
    assert inspect.cleandoc(hint_for(error)) == hint_for(error)


def test_the_nearest_of_many_peers_is_proposed() -> None:
    many = [f"handle-{number}" for number in range(100)]
    assert hint_for(errors.NoSuchPeer("stor", [*many, "store"])) == "did you mean 'store'?"
    assert hint_for(errors.NoSuchPeer("zzz", many)) == ""


def test_other_ends() -> None:
    assert exit_for(KeyboardInterrupt()) == 130
    assert exit_for(Interrupted(SIGINT)) == 130
    assert exit_for(Interrupted(SIGTERM)) == 143
    assert exit_for(OSError("x")) == 1
    assert exit_for(Declined("x")) == 1


def test_several_at_once() -> None:
    gone = Failure("a", errors.NoSuchPeer("a"))
    late = Failure("b", errors.RequestTimeout("b", 1.0))
    assert exit_for_failures([], 0) == Exit.OK
    assert exit_for_failures([gone, gone], 0) == Exit.UNREACHABLE
    assert exit_for_failures([gone, late], 0) == Exit.PARTIAL
    assert exit_for_failures([late], 2) == Exit.PARTIAL
