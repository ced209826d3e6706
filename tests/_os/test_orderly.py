"""The first SIGTERM asks, a second one at once."""

from __future__ import annotations

import os
import signal

from ipcm._os.fork import fork
from ipcm._os.orderly import OrderlyEnd

from .processes import exit_of, in_child


def test_the_first_is_noticed_and_the_second_ends() -> None:
    read, write = os.pipe()

    def child() -> int:
        with OrderlyEnd(lambda number: os.write(write, b"%d\n" % number)):
            os.kill(os.getpid(), signal.SIGTERM)
            os.write(write, b"lives\n")
            os.kill(os.getpid(), signal.SIGTERM)
        return 3

    try:
        assert exit_of(fork(child)) == -signal.SIGTERM
        assert os.read(read, 100) == b"15\nlives\n15\n"
    finally:
        os.close(read)
        os.close(write)


def test_the_handler_of_before_comes_back() -> None:
    def check() -> None:
        def handler(*_: object) -> None: ...

        signal.signal(signal.SIGTERM, handler)
        with OrderlyEnd():
            os.kill(os.getpid(), signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is not handler
        assert signal.getsignal(signal.SIGTERM) is handler

    in_child(check)
