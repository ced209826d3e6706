"""What a blocking one has, the asynchronous one has, too, and no other: method by method."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import ipcm
import ipcm.aio

# What waits for a client, or is inside of it, is the loop's.
DRIVING = {"fileno", "forget_after_fork", "owes", "pump", "take_in", "take_inbox"}
INSIDE = {"cork", "uncork", "on_ending", "others", "over", "respond", "settled", "await_settled"}

# `client` is an attribute of an asynchronous handle, and nobody else's to use of an observer.
TWINS = [
    (ipcm.Client, ipcm.aio.AsyncClient, DRIVING | INSIDE),
    (ipcm.Handle, ipcm.aio.AsyncHandle, {"client", "owned_bus", "process"}),
    (ipcm.Observer, ipcm.aio.AsyncObserver, DRIVING | {"client", "check_writable"}),
]


def parameters(member: Any) -> Any:
    """Of a method what it is called with; of anything else what it is."""
    if not inspect.isfunction(member):
        return type(member)
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(member).parameters.values()
    ]


# Read here: for tests the patience of some is longer.
MEMBERS = {
    f"{blocking.__name__}.{name}": (
        parameters(member),
        parameters(getattr(asynchronous, name, None)),
    )
    for blocking, asynchronous, left_out in TWINS
    for name, member in inspect.getmembers(blocking)
    if not name.startswith("_") and name not in left_out
}


ONLY_THERE = [
    f"{asynchronous.__name__}.{name}"
    for blocking, asynchronous, _ in TWINS
    for name, _ in inspect.getmembers(asynchronous, inspect.isfunction)
    if not name.startswith("_") and not hasattr(blocking, name)
]


def test_neither_has_a_method_that_its_twin_lacks() -> None:
    assert ONLY_THERE == []


@pytest.mark.parametrize("member", MEMBERS)
def test_each_has_its_twin(member: str) -> None:
    blocking, asynchronous = MEMBERS[member]
    assert asynchronous == blocking
