"""System calls that fail."""

from __future__ import annotations

import os

import pytest

import ipcm
from ipcm import Bus


class TestFaults:
    def test_many_descriptors_used_up(self, bus: Bus, echo: ipcm.Handle) -> None:
        import resource

        echo.request(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                bus.connect("one too many")
            assert echo.request(2) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with bus.connect("fits"):
            pass
