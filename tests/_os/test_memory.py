"""What large blocks cost."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_FAULTS = """
import resource
from ipcm._os.memory import keep_freed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def blocks():
    # What an echo of 1 MiB has at once: what came in, and what goes out.
    before = faults()
    for _ in range(10):
        first = bytes(1 << 20)
        second = bytes(first[1:])
        del first, second
    return faults() - before

keep_freed()
blocks()
print(blocks())
"""


@pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="it is glibc that is told something"
)
def test_the_memory_of_large_messages_is_used_again() -> None:
    told = subprocess.run([sys.executable, "-c", _FAULTS], check=True, capture_output=True)
    assert int(told.stdout) < 100  # a block of 1 MiB has 256 pages
