"""System calls that fail."""

from __future__ import annotations

import errno
import os

import ipcm
from ipcm import Bus


class TestFaults:
    def test_many_descriptors_used_up(self, bus: Bus, echo: ipcm.Handle) -> None:
        import resource

        echo.request(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = set(map(int, os.listdir("/proc/self/fd")))
        free = [fd for fd in range(1000) if fd not in used]
        fitted = False
        try:
            # So many and no more can be had: it is short at each of the steps in turn.
            for spare in range(12):
                resource.setrlimit(resource.RLIMIT_NOFILE, (free[spare], hard))
                try:
                    bus.connect("one too many").disconnect()
                    fitted = True
                except OSError as error:
                    assert error.errno == errno.EMFILE and not fitted  # noqa: PT017
                assert echo.request(2) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert fitted
        with bus.connect("fits"):
            pass
