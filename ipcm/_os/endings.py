"""How a process ended that is nobody's child here.

Only a parent may wait for it; others can look. The kernel keeps the exit status of a zombie in
/proc/PID/stat (field 52, proc(5)), and since Linux 6.15 a pidfd tells it after the reaping, too
(PIDFD_GET_INFO in linux/pidfd.h).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from typing import Final

from ipcm._os.process import DEAD, ProcessIdentity, identify, open_pidfd, read_stat

__all__ = ["Ending"]

# struct pidfd_info of its first version: mask and cgroup id, then 32-bit numbers, the last of
# which is the exit status.
_INFO: Final = struct.Struct("QQ11Ii")
_INFO_EXIT: Final = 1 << 3
_GET_INFO: Final = (3 << 30) | (_INFO.size << 16) | (0xFF << 8) | 11


class Ending:
    """Holds on to a process, so that its end can be told, and told from that of a later one.

    Args:
        pid: of a process that lives.

    Attributes:
        who: its identity.

    Raises:
        ProcessLookupError: it has ended.
        UnsupportedError: not on this platform.
    """

    def __init__(self, pid: int) -> None:
        self.who: ProcessIdentity = identify(pid)
        self._pidfd = open_pidfd(self.who)

    def exit(self) -> int | None:
        """The code or -signal it ended with; None while it lives, or where it cannot be known."""
        with contextlib.suppress(OSError, ValueError):
            told = bytearray(_INFO.size)
            _INFO.pack_into(told, 0, _INFO_EXIT, *[0] * 13)
            fcntl.ioctl(self._pidfd, _GET_INFO, told)
            mask, *_, status = _INFO.unpack(told)
            if mask & _INFO_EXIT:
                return os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):  # no descriptor is left
            fields = read_stat(self.who.pid)
            if fields is not None and fields[0] in DEAD and int(fields[19]) == self.who.start:
                return os.waitstatus_to_exitcode(int(fields[49]))
        return None

    def close(self) -> None:
        """Lets go. Repeatable."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
