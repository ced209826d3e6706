"""Signals that end a program: one exception, and a clean-up that nothing cuts short."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

Run = Callable[..., "Program"]

PRELUDE = """
import contextlib, os, select, signal, sys
from ipcm._os import interrupt
from ipcm._os.interrupt import Interrupted, deferred, interruptible, shielded

def say(word):
    os.write(1, word.encode() + b"\\n")

def wait(seconds=20.0):
    # Ends early only by an exception: a signal alone does not end it (PEP 475).
    select.select([], [], [], seconds)
"""


class Program:
    """A Python program that says words on its standard output."""

    def __init__(self, code: str, **settings: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **settings,  # type: ignore[call-overload]
        )

    def expect(self, word: str, limit: float = 10.0) -> None:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        assert ready, f"no {word!r} within {limit} s"
        line = _line(self.process.stdout.fileno())
        assert line == word, self.process.communicate(timeout=limit)

    def kill(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, limit: float = 10.0) -> tuple[int, str]:
        _, error = self.process.communicate(timeout=limit)
        return self.process.returncode, error.decode()


def _line(fd: int) -> str:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(fd, 1)
        if not piece:
            break
        line += piece
    return line.decode().rstrip("\n")


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[Program] = []

    def start(code: str, **settings: object) -> Program:
        started.append(Program(code, **settings))
        return started[-1]

    yield start
    for program in started:
        if program.process.poll() is None:
            program.process.kill()
        program.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_an_exception_and_later_ones_nothing(run: Run, number: int) -> None:
    program = run(
        """
        with interruptible():
            try:
                say("ready")
                wait()
            except Interrupted as interrupt:
                say(interrupt.signal.name)
                sys.stdin.readline()
                say("clean")
        """,
        stdin=subprocess.PIPE,
    )
    program.expect("ready")
    program.kill(number)
    program.expect(signal.Signals(number).name)
    for again in (signal.SIGINT, signal.SIGTERM, number):
        program.kill(again)
    assert program.process.stdin is not None
    program.process.stdin.write(b"go\n")
    program.process.stdin.flush()
    program.expect("clean")
    assert program.end() == (0, "")


def test_handlers_are_put_back(run: Run) -> None:
    program = run(
        """
        before = [signal.getsignal(n) for n in (2, 15, 1, signal.SIGALRM)]
        with interruptible():
            with interruptible():
                pass
            assert signal.getsignal(15) is not before[1]
        assert [signal.getsignal(n) for n in (2, 15, 1, signal.SIGALRM)] == before
        """
    )
    assert program.end() == (0, "")


def test_what_was_ignored_stays_ignored(run: Run) -> None:
    program = run(
        """
        with interruptible():
            say("ready")
            sys.stdin.readline()
            say("still here")
        """,
        stdin=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    program.expect("ready")
    program.kill(signal.SIGHUP)
    assert program.process.stdin is not None
    program.process.stdin.write(b"go\n")
    program.process.stdin.flush()
    program.expect("still here")
    assert program.end() == (0, "")


SLOW = """
class Slow(contextlib.AbstractContextManager):
    def __enter__(self):
        say("entering")
        sys.stdin.readline()
        say("entered")
        return self
    def __exit__(self, *_):
        say("leaving")
        sys.stdin.readline()
        say("left")
"""


def feed(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.write(b"go\n")
    program.process.stdin.flush()


def test_entering_goes_on_and_then_it_is_raised(run: Run) -> None:
    program = run(
        SLOW
        + textwrap.dedent(
            """
            with interruptible():
                try:
                    with shielded(Slow(), patience=20.0):
                        say("never")
                except Interrupted as interrupt:
                    say(interrupt.signal.name)
            """
        ),
        stdin=subprocess.PIPE,
    )
    program.expect("entering")
    program.kill(signal.SIGTERM)
    program.kill(signal.SIGINT)
    feed(program)
    program.expect("entered")
    program.expect("leaving")
    program.kill(signal.SIGINT)
    feed(program)
    program.expect("left")
    assert program.process.stdout is not None
    assert _line(program.process.stdout.fileno()) in ("SIGTERM", "SIGINT")
    assert program.end() == (0, "")


def test_entering_that_takes_too_long_is_cut_short(run: Run) -> None:
    program = run(
        SLOW
        + textwrap.dedent(
            """
            with interruptible():
                try:
                    with shielded(Slow(), patience=0.05):
                        say("never")
                except Interrupted as interrupt:
                    say(interrupt.signal.name)
            """
        ),
        stdin=subprocess.PIPE,
    )
    program.expect("entering")
    program.kill(signal.SIGINT)
    program.expect("SIGINT")
    assert program.end() == (0, "")


def test_leaving_is_not_cut_short_and_not_an_error(run: Run) -> None:
    program = run(
        SLOW
        + textwrap.dedent(
            """
            with interruptible():
                with shielded(Slow()):
                    say("inside")
                say("after")
            """
        ),
        stdin=subprocess.PIPE,
    )
    program.expect("entering")
    feed(program)
    program.expect("entered")
    program.expect("inside")
    program.expect("leaving")
    program.kill(signal.SIGINT)
    feed(program)
    program.expect("left")
    program.expect("after")
    assert program.end() == (0, "")


def test_an_interrupt_inside_leaves_in_order(run: Run) -> None:
    program = run(
        SLOW
        + textwrap.dedent(
            """
            with interruptible():
                try:
                    with shielded(Slow()):
                        say("inside")
                        wait()
                except Interrupted:
                    say("interrupted")
            """
        ),
        stdin=subprocess.PIPE,
    )
    program.expect("entering")
    feed(program)
    program.expect("entered")
    program.expect("inside")
    program.kill(signal.SIGHUP)
    program.expect("leaving")
    program.kill(signal.SIGHUP)
    feed(program)
    program.expect("left")
    program.expect("interrupted")
    assert program.end() == (0, "")


def test_outside_of_an_interruptible_block_it_is_just_with(run: Run) -> None:
    program = run(
        """
        with shielded(contextlib.nullcontext(5)) as value:
            say(str(value))
        """
    )
    program.expect("5")
    assert program.end() == (0, "")


def test_what_is_deferred_is_seen_at_once_and_raised_at_the_end(run: Run) -> None:
    program = run(
        """
        with interruptible():
            try:
                with deferred() as interrupts:
                    say("ready")
                    sys.stdin.readline()
                    say(interrupts.pending.name)
                say("never")
            except Interrupted as caught:
                say(caught.signal.name)
            assert interrupts.pending is None
        with deferred() as interrupts:
            assert interrupts.pending is None
        """,
        stdin=subprocess.PIPE,
    )
    program.expect("ready")
    program.kill(signal.SIGTERM)
    feed(program)
    program.expect("SIGTERM")
    program.expect("SIGTERM")
    assert program.end() == (0, "")


def test_where_an_exception_was_lost_another_signal_raises_again(run: Run) -> None:
    program = run(
        """
        interrupt._REPEAT = 0.0
        with interruptible():
            try:
                try:
                    say("ready")
                    wait()
                except BaseException:
                    say("lost")
                wait()
            except Interrupted:
                say("heard")
        """
    )
    program.expect("ready")
    program.kill(signal.SIGTERM)
    program.expect("lost")
    program.kill(signal.SIGTERM)
    program.expect("heard")
    assert program.end() == (0, "")


def test_where_the_interpreter_loses_it_it_is_raised_again(run: Run) -> None:
    program = run(
        """
        class Hit:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                wait(0.01)  # the handler runs here, and what it raises goes nowhere

        # Soon may be at once: what follows is raised after the hit, wherever the program is then.
        with interruptible():
            try:
                hook, lost = sys.unraisablehook, []
                sys.unraisablehook = lambda args: (lost.append(args.exc_type), hook(args))
                Hit()
                wait()
            except Interrupted as interrupted:
                say(f"{interrupted.signal.name}, {lost}")
        assert sys.unraisablehook is sys.__unraisablehook__
        """
    )
    program.expect("SIGTERM, [<class 'ipcm._os.interrupt.Interrupted'>]")
    assert program.end() == (0, "")


def test_it_is_raised_again_also_where_the_machine_stood_still_meanwhile(run: Run) -> None:
    program = run(
        """
        set, stood_still = signal.setitimer, []

        def set_slowly(which, seconds):
            set(which, seconds)
            if seconds and not stood_still:
                stood_still.append(True)
                wait(5 * seconds)

        class Hit:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                wait(0.01)

        with interruptible():
            try:
                signal.setitimer = set_slowly
                Hit()
                wait()
            except Interrupted as interrupted:
                say(interrupted.signal.name)
        """
    )
    program.expect("SIGTERM")
    assert program.end() == (0, "")


def test_a_signal_in_the_midst_of_an_import_ends_the_command(run: Run) -> None:
    program = run(
        """
        class Hit:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
                wait(0.01)

        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "ipcm.console.command_line":
                    Hit()

        from ipcm.cli import main
        sys.meta_path.insert(0, Finder)
        sys.argv = ["ipcm", "--version"]
        sys.exit(main())
        """
    )
    assert program.end() == (130, "")


def test_a_program_that_has_done_all_is_not_ended_otherwise(run: Run) -> None:
    program = run(
        """
        with interruptible(last=True):
            pass
        say("done")
        sys.stdin.readline()
        sys.exit(5)
        """,
        stdin=subprocess.PIPE,
    )
    program.expect("done")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        program.kill(number)
    feed(program)
    assert program.end() == (5, "")
