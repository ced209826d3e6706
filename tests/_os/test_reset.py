"""A child of one of several threads, and what the others were in the middle of."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import contextvars
import faulthandler
import gc
import io
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ipcm._os.fork import fork
from ipcm._os.reset.descriptors import descriptors_of, silence_descriptors

from .processes import LIMIT, exit_of, in_child, read_all

GATE = threading.Event()
"""What `test_an_import_of_another_thread` waits for at import."""


@contextlib.contextmanager
def thread(target: Callable[[], Any] | None = None) -> Iterator[None]:
    """Another thread, so that a fork is one of a process with several."""
    end = threading.Event()
    other = threading.Thread(target=target or end.wait, daemon=True)
    other.start()
    try:
        yield
    finally:
        end.set()
        other.join(None if target is None else LIMIT)


def run(child: Callable[[], Any], out: int = 1) -> tuple[int, str]:
    """Forks and waits: the exit, and what it wrote to one of its descriptors."""
    read, write = os.pipe()

    def with_pipe() -> Any:
        os.dup2(write, out)
        return child()

    pid = fork(with_pipe)
    os.close(write)
    text = read_all(read).decode()
    return exit_of(pid), text


def test_half_a_line_is_written_by_the_parent_alone() -> None:
    def check() -> Any:
        read, write = os.pipe()
        sys.stdout = sys.__stdout__ = open(write, "w")  # noqa: SIM115
        with thread():
            print("half", end="")
            ran = run(lambda: print("child"))
            print(" whole")
        sys.stdout.close()
        return [ran, read_all(read).decode()]

    assert in_child(check) == [[0, "child\n"], "half whole\n"]


def test_a_stream_whose_lock_is_held_is_not_flushed() -> None:
    class Stuck(io.StringIO):
        def flush(self) -> None:
            lock.acquire()

        write = flush  # type: ignore[assignment]

    lock = threading.Lock()

    def check() -> Any:
        with thread(), lock:
            sys.stdout = sys.stderr = Stuck()
            return run(lambda: print("printed", file=sys.stderr), out=2)

    assert in_child(check) == [0, "printed\n"]


def test_of_a_process_with_one_thread_streams_stay_as_they_are() -> None:
    def check() -> Any:
        before = sys.stdout
        return run(lambda: int(sys.stdout is not before))[0]

    assert in_child(check) == 0


def test_a_log_file_that_another_thread_writes_to(tmp_path: Path) -> None:
    def check() -> Any:
        logging.basicConfig(filename=tmp_path / "log", format="%(message)s", force=True)
        (handler,) = logging.root.handlers
        held, let_go = threading.Event(), threading.Event()

        class Slow(io.FileIO):
            """Holds the lock of its buffer while it writes."""

            def write(self, data: Any) -> int:
                held.set()
                let_go.wait()
                return super().write(data)

        assert isinstance(handler, logging.FileHandler)
        slow = io.BufferedWriter(Slow(tmp_path / "log", "a"))
        handler.stream = io.TextIOWrapper(slow)
        with thread(lambda: logging.warning("of the parent")):
            held.wait()
            ran = run(lambda: logging.warning("of the child"))
            let_go.set()
        return [ran, (tmp_path / "log").read_text()]

    assert in_child(check) == [[0, ""], "of the child\nof the parent\n"]


def test_log_handlers_write_to_the_new_stream_or_go() -> None:
    class Published(logging.Handler):
        def emit(self, record: Any) -> None:
            os._exit(9)

    Published.__module__ = "zmq.log.handlers"

    def check() -> Any:
        sys.stderr = io.StringIO()
        setattr(sys, "__stdin__", None)  # noqa: B010 (as where it was closed)
        logging.basicConfig(format="%(message)s", force=True)
        logging.getLogger("some.thing").addHandler(Published())
        with thread():
            ran = run(lambda: logging.getLogger("some.thing").warning("told"), out=2)
        return [ran, sys.stderr.getvalue()]

    assert in_child(check) == [[0, "told\n"], ""]


def test_a_file_handler_keeps_its_file(tmp_path: Path) -> None:
    def check() -> Any:
        logging.basicConfig(filename=tmp_path / "log", format="%(message)s", force=True)
        with thread():
            code, _ = run(lambda: logging.warning("told"))
        return [code, (tmp_path / "log").read_text()]

    assert in_child(check) == [0, "told\n"]


def test_an_import_of_another_thread_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "gated_module.py").write_text(
        "import sys\n"
        "gate = sys.modules['tests._os.test_reset'].GATE\n"
        "entered = gate\n"
        "print('importing', flush=True)\n"
        "assert gate.wait(20)\n"
        "complete = True\n"
    )

    def load() -> Any:
        import gated_module  # type: ignore[import-not-found]

        return gated_module

    def check() -> Any:
        sys.modules["tests._os.test_reset"] = sys.modules[__name__]
        sys.path.insert(0, str(tmp_path))
        read, write = os.pipe()
        sys.stdout = open(write, "w")  # noqa: SIM115
        with thread(load):
            assert os.read(read, 100) == b"importing\n"

            def child() -> int:
                GATE.set()
                return int(not load().complete)

            code, text = run(child)
            GATE.set()
        return [code, text, load().complete]

    assert in_child(check) == [0, "importing\n", True]


def test_an_import_of_the_forking_thread_goes_on(tmp_path: Path) -> None:
    (tmp_path / "forking_module.py").write_text(
        "import os, sys\n"
        "from ipcm._os.fork import fork\n"
        "before = 1\n"
        "def child():\n"
        "    import forking_module\n"
        "    return forking_module.before + 1\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(fork(child), 0)[1])\n"
    )

    def check() -> Any:
        sys.path.insert(0, str(tmp_path))
        with thread():
            import forking_module  # type: ignore[import-not-found]

            return forking_module.code

    assert in_child(check) == 2


def test_a_running_loop_stays_behind() -> None:
    async def answer() -> str:
        await asyncio.sleep(0.001)
        return "answered"

    async def forking() -> Any:
        return run(lambda: print(asyncio.run(answer())))

    def check() -> Any:
        with thread():
            asyncio.set_event_loop(asyncio.new_event_loop())
            ran = asyncio.run(forking())
            return [ran, asyncio.run(answer())]

    assert in_child(check) == [[0, "answered\n"], "answered"]


def test_the_signal_mask_is_fresh_and_so_are_context_variables_with_threads() -> None:
    variable = contextvars.ContextVar("variable", default=1)

    def child() -> int:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return variable.get() + 10 * len(blocked)

    def check() -> Any:
        variable.set(2)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        alone = run(child)[0]
        with thread():
            return [alone, run(child)[0]]

    assert in_child(check) == [2, 1]


def test_forked_by_another_thread_than_the_main_one() -> None:
    codes: list[int] = []

    def child() -> int:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        return int(threading.current_thread() is not threading.main_thread())

    def check() -> Any:
        with thread(lambda: codes.append(run(child)[0])):
            pass
        return codes

    assert in_child(check) == [0]


def test_faulthandler_tells_the_child_s_own_stderr(tmp_path: Path) -> None:
    def child() -> None:
        os.kill(os.getpid(), signal.SIGABRT)

    def check() -> Any:
        with open(tmp_path / "faults", "w") as file:
            faulthandler.enable(file)
            with thread():
                code, text = run(child, out=2)
            faulthandler.disable()
        return [code, "Fatal Python error" in text, (tmp_path / "faults").read_text()]

    assert in_child(check) == [-signal.SIGABRT, True, ""]


def test_no_warning_of_threads() -> None:
    def check() -> Any:
        import warnings

        with warnings.catch_warnings(), thread():
            warnings.simplefilter("error")
            return run(lambda: 3)[0]

    assert in_child(check) == 3


class TestDescriptors:
    def test_sockets_and_pollers_are_silenced_files_and_pipes_stay(self) -> None:
        def check() -> Any:
            listener = socket.create_server(("127.0.0.1", 0))
            one, other = socket.socketpair()
            poller, events = select.epoll(), os.eventfd(0)
            with open(os.devnull) as file:
                read, write = os.pipe()
                silence_descriptors([other.fileno()])
                standing = [listener.fileno(), one.fileno(), poller.fileno(), events]
                kept = [other.fileno(), file.fileno(), read, write]
                return [
                    [os.readlink(f"/proc/self/fd/{fd}") == os.devnull for fd in standing],
                    [os.get_inheritable(fd) for fd in standing],
                    [os.readlink(f"/proc/self/fd/{fd}").partition(":")[0] for fd in kept],
                ]

        assert in_child(check) == [
            [True] * 4,
            [False] * 4,
            ["socket", os.devnull, "pipe", "pipe"],
        ]

    def test_an_object_that_is_finalized_closes_nobody_else_s(self) -> None:
        def check() -> Any:
            old = [socket.socket()]
            silence_descriptors([])
            fd = os.open(os.devnull, os.O_RDONLY)
            old.clear()
            gc.collect()
            os.fstat(fd)
            return True

        assert in_child(check)

    def test_of_objects(self) -> None:
        class Odd:
            def fileno(self) -> int:
                raise RuntimeError("whatever")

        with open(os.devnull) as file:
            assert descriptors_of([file, Odd(), 3, None, "x"]) == {file.fileno()}


class TestNotebook:
    def test_the_child_is_no_notebook(self) -> None:
        def child() -> None:
            from IPython import get_ipython
            from IPython.display import display

            display("shown")
            shell = buried()
            print(get_ipython(), type(shell.history_manager.db).__name__)
            print(sys.displayhook is sys.__displayhook__, sys.excepthook is sys.__excepthook__)
            try:
                input("? ")
            except EOFError:
                print("no input")

        def buried() -> Any:
            from ipcm._os.reset.relics import _buried

            return next(each for each in _buried if hasattr(each, "history_manager"))

        def check() -> Any:
            from IPython.core.interactiveshell import InteractiveShell

            shell = InteractiveShell.instance()
            sys.displayhook = shell.displayhook
            sys.excepthook = lambda *_: None
            builtins.input = lambda *_: "from the front end"
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            with thread():
                ran = run(child)
            return [ran, InteractiveShell.initialized(), input()]

        assert in_child(check, limit=30) == [
            [0, "shown\nNone DummyDB\nTrue True\n? no input\n"],
            True,
            "from the front end",
        ]
