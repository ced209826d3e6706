"""The one fork."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal wraps
import _thread
import asyncio
import atexit
import errno
import gc
import io
import operator
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ipcm._os.fork import close_in_children, fork

from .processes import exit_of, fds, in_child, read_all


def run(child: Callable[[], Any], **options: Any) -> int:
    """Forks and waits: the exit."""
    return exit_of(fork(child, **options))


def run_and_read(child: Callable[[], Any]) -> tuple[int, str]:
    """Forks and waits: the exit, and what went to descriptor 2."""
    read, write = os.pipe()

    def with_stderr() -> Any:
        os.dup2(write, 2)
        return child()

    pid = fork(with_stderr)
    os.close(write)
    text = read_all(read).decode()
    return exit_of(pid), text


def leave(code: object) -> Callable[[], None]:
    def child() -> None:
        raise SystemExit(code)

    return child


class Owner:
    """Something with a descriptor."""

    def __init__(self) -> None:
        self.fd = os.open(os.devnull, os.O_RDONLY)
        close_in_children(self)

    def forget_after_fork(self) -> None:
        os.close(self.fd)

    def is_open(self) -> bool:
        return self.fd in fds()


@pytest.mark.parametrize(
    ("child", "code"),
    [
        (lambda: None, 0),
        (lambda: 0, 0),
        (lambda: 7, 7),
        (lambda: 256 + 7, 7),
        (lambda: 2**40 + 7, 7),
        (lambda: True, 1),
        (leave(None), 0),
        (leave(5), 5),
        (leave(-1), 255),
        (leave("a text"), 1),
    ],
)
def test_the_result_is_the_exit_code(child: Callable[[], int | None], code: int) -> None:
    assert run_and_read(child)[0] == code


def test_leaving_with_a_text_tells_it() -> None:
    assert run_and_read(leave("no such file")) == (1, "no such file\n")


def test_the_code_of_a_child_that_kills_itself_is_the_signal() -> None:
    assert run(lambda: os.kill(os.getpid(), signal.SIGKILL)) == -signal.SIGKILL


@pytest.mark.parametrize("error", [ValueError("this one"), KeyboardInterrupt("this one")])
def test_an_exception_is_told_on_descriptor_2(error: BaseException) -> None:
    def child() -> None:
        raise error

    code, text = run_and_read(child)
    assert code == 1
    assert "Traceback" in text
    assert f"{type(error).__name__}: this one" in text


def test_a_result_that_is_no_code_does_not_bring_the_child_back() -> None:
    code, text = in_child(lambda: run_and_read(lambda: "text"))
    assert code == 1
    assert "TypeError" in text


class Angry(io.StringIO):
    """A stream that raises what nobody expects, once it is in the child."""

    def __init__(self) -> None:
        super().__init__()
        self.made_in = os.getpid()

    def flush(self) -> None:
        if os.getpid() != self.made_in:
            raise RuntimeError("reentrant call")


def test_a_stream_that_raises_does_not_bring_the_child_back() -> None:
    def check() -> int:
        sys.stdout = Angry()
        return run(lambda: 4)

    assert in_child(check) == 4


def test_what_was_buffered_is_written_once(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def check() -> int:
        with target.open("w") as sys.stdout:
            print("parent", end=" ")
            return run(lambda: print("child"))

    assert in_child(check) == 0
    assert target.read_text() == "parent child\n"


def test_nobody_needs_to_read_what_the_child_writes() -> None:
    def check() -> int:
        read, write = os.pipe()
        os.close(read)
        sys.stdout = os.fdopen(write, "w")

        def child() -> int:
            print("nobody hears this")
            return 6

        return run(child)

    assert in_child(check) == 6


def test_streams_may_be_missing() -> None:
    def check() -> int:
        sys.stdout = sys.stderr = None  # as under pythonw
        return run(lambda: 3)

    assert in_child(check) == 3


def test_what_the_parent_registered_for_its_exit_does_not_run_in_the_child(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def check() -> int:
        atexit.register(mark.touch)
        return run(lambda: sys.exit(2))

    assert in_child(check) == 2
    assert not mark.exists()


def test_handlers_and_wakeup_fd_are_put_back_in_the_child() -> None:
    def child() -> int:
        signal.raise_signal(signal.SIGINT)  # does nothing
        good = [
            signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL,
            signal.getsignal(signal.SIGUSR2) is signal.SIG_IGN,
            signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN,
            callable(signal.getsignal(signal.SIGINT)),
            signal.set_wakeup_fd(-1) == -1,
            signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set(),
        ]
        return 0 if all(good) else 10 + good.index(False)

    def check() -> int:
        _, write = os.pipe2(os.O_NONBLOCK)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGHUP})
        signal.set_wakeup_fd(write)
        code = run(child)
        assert signal.set_wakeup_fd(-1) == write
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGHUP}
        assert callable(signal.getsignal(signal.SIGUSR1))
        return code

    assert in_child(check) == 0


def test_a_signal_right_after_the_fork_finds_the_child_in_order() -> None:
    def check() -> list[int]:
        read, write = os.pipe2(os.O_NONBLOCK)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.set_wakeup_fd(write)
        real = os.fork

        def fork_and_signal() -> int:
            pid = real()
            if pid:
                os.kill(pid, signal.SIGUSR1)
            return pid

        os.fork = fork_and_signal
        code = run(signal.pause)
        with pytest.raises(BlockingIOError):
            os.read(read, 1)  # the parent was told nothing
        return [code]

    assert in_child(check) == [-signal.SIGUSR1]


def test_the_mask_is_put_back_when_there_is_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "no more")

    monkeypatch.setattr(os, "fork", fail)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(BlockingIOError):
        fork(lambda: 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


class Interrupting(Exception):
    """Raised by a signal handler."""


def interrupt(_number: int, _frame: object) -> None:
    raise Interrupting


def test_the_mask_is_put_back_when_a_handler_raises_while_it_is_set() -> None:
    def check() -> int:
        signal.signal(signal.SIGUSR1, interrupt)
        real = _signal.pthread_sigmask

        def mask_with_a_delivery(how: int, mask: Any) -> Any:
            if how == signal.SIG_BLOCK and mask:
                # Nothing but C from the delivery to the mask: no place for the handler before.
                deliver = partial(_thread.interrupt_main, signal.SIGUSR1)
                return list(map(operator.call, [deliver, partial(real, how, mask)]))[1]
            return real(how, mask)

        _signal.pthread_sigmask = mask_with_a_delivery
        with pytest.raises(Interrupting):
            fork(lambda: 0)
        return len(real(signal.SIG_BLOCK, ()))

    assert in_child(check) == 0


def test_there_is_no_child_when_a_handler_raises_after_the_fork() -> None:
    def check() -> int:
        signal.signal(signal.SIGUSR1, interrupt)
        real = os.fork

        def fork_with_a_delivery() -> int:
            pid = real()
            if pid:
                os.kill(os.getpid(), signal.SIGUSR1)  # pending until the mask is put back
            return pid

        os.fork = fork_with_a_delivery
        with pytest.raises(Interrupting):
            fork(signal.pause)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, 0)
        return len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    assert in_child(check) == 0


def test_registered_descriptors_are_closed_in_the_child_only() -> None:
    def check() -> list[int]:
        owner = Owner()
        return [run(lambda: int(owner.is_open())), owner.is_open()]

    assert in_child(check) == [0, 1]


def test_what_is_kept_stays_open_and_is_closed_in_the_next_child() -> None:
    def check() -> list[int]:
        kept, closed = Owner(), Owner()

        def child() -> int:
            grandchild = run(lambda: int(kept.is_open()))
            return kept.is_open() + 2 * closed.is_open() + 4 * grandchild

        return [run(child, keep=[kept]), run(child, keep={closed})]

    assert in_child(check) == [1, 2]


def test_what_is_registered_may_vanish() -> None:
    owner = Owner()
    seen = weakref.ref(owner)
    os.close(owner.fd)
    del owner
    gc.collect()
    assert seen() is None
    assert run(lambda: 0) == 0


def test_an_owner_that_cannot_let_go_fails_loudly() -> None:
    def check() -> tuple[int, str]:
        owner = Owner()
        os.close(owner.fd)
        os.dup2(write, 2)
        code = run(lambda: 0)
        return code, os.read(read, 65536).decode()

    read, write = os.pipe()
    try:
        code, text = in_child(check)
    finally:
        os.close(read)
        os.close(write)
    assert code == 1
    assert "Bad file descriptor" in text


def test_a_running_loop_is_not_running_in_the_child() -> None:
    async def nothing() -> int:
        return 8

    def check() -> int:
        async def main() -> int:
            return fork(lambda: asyncio.run(nothing()))

        return exit_of(asyncio.run(main()))

    assert in_child(check) == 8


def test_what_is_there_at_the_fork_is_left_alone_by_the_collector() -> None:
    before = gc.get_freeze_count()  # since 3.12 the interpreter freezes something itself
    assert run(lambda: int(gc.get_freeze_count() > before + 1000)) == 1
    assert gc.get_freeze_count() == before


def test_what_the_program_has_frozen_stays_so() -> None:
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        assert run(lambda: 0) == 0
        assert gc.get_freeze_count() >= before > 1000
    finally:
        gc.unfreeze()


@pytest.mark.skipif(gc.get_freeze_count() > 0, reason="something is always frozen in 3.12")
def test_what_is_kept_to_use_again_is_given_up_before_the_first_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collections: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            collections.append(info["generation"])

    monkeypatch.setattr("ipcm._os.fork._emptied", False)
    gc.callbacks.append(note)
    gc.disable()
    try:
        assert run(lambda: 0) == run(lambda: 0) == 0
    finally:
        gc.enable()
        gc.callbacks.remove(note)
    assert collections == [2]


def test_a_thread_can_fork() -> None:
    def check() -> int:
        codes = []
        signal.signal(signal.SIGUSR1, lambda *_: None)
        thread = threading.Thread(target=lambda: codes.append(run(lambda: 5)))
        thread.start()
        thread.join()
        return codes[0]

    assert in_child(check) == 5


def test_it_leaves_no_descriptors() -> None:
    before = fds()
    for _ in range(3):
        assert run(lambda: 0) == 0
    assert fds() == before
