"""Descriptors that children of ours must not have."""

from __future__ import annotations

import os

from ipcm._os.descriptors import OwnedFd
from ipcm._os.fork import fork

from .processes import exit_of, fds, in_child


def test_an_owned_descriptor_is_not_in_our_children() -> None:
    def check() -> list[int]:
        owned = OwnedFd(os.open(os.devnull, os.O_RDONLY))
        in_ours = exit_of(fork(lambda: int(owned.fd in fds())))
        kept = exit_of(fork(lambda: int(owned.fd in fds()), keep=[owned]))
        return [in_ours, kept, int(owned.fd in fds())]

    assert in_child(check) == [0, 1, 1]
