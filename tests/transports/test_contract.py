"""Every transport keeps the same promises: one line for each."""

from __future__ import annotations

from ipcm.testing import TransportContract


class TestUnix(TransportContract):
    transport = "unix"


class TestMemory(TransportContract):
    transport = "memory"
