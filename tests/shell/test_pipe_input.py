"""The prompt without a terminal: keys from a pipe, and what becomes of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.base import PipeInput
from prompt_toolkit.output import DummyOutput

import ipcm
from ipcm._os.interrupt import interruptible
from ipcm.console.render import Output, PlainOutput
from ipcm.shell.feed import Feed
from ipcm.shell.history import KeptHistory
from ipcm.shell.prompt import Prompt
from ipcm.shell.session import Session

F2 = "\x1bOQ"
F4 = "\x1bOS"


class Heard:
    """A voice that keeps what it says."""

    terminal = False

    def __init__(self, answer: bool | None = None) -> None:
        self.out: list[str] = []
        self.told: list[str] = []
        self.asked: list[str] = []
        self.answer = answer

    def output(self) -> Output:
        return PlainOutput(self.out.append)

    def narrate(self, text: str) -> None:
        self.told.append(text)

    complain = narrate

    def ask(self, question: str) -> bool | None:
        self.asked.append(question)
        return self.answer


Typing = Callable[..., tuple[Session, Heard]]


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def typing(keys: PipeInput) -> Typing:
    """Types, until the shell is left with Ctrl-D."""

    def run(
        text: str, bus: ipcm.Bus | None = None, answer: bool | None = None
    ) -> tuple[Session, Heard]:
        voice = Heard(answer)
        session = Session(bus, voice)
        prompt = Prompt(session)
        keys.send_text(f"{text}\x04")
        try:
            assert prompt.run() == 0
        finally:
            prompt.close()
        return session, voice

    return run


def test_lines_run_one_after_the_other(typing: Typing, bus: ipcm.Bus) -> None:
    session, voice = typing("request store stats\rcall store search text=a limit=$_.files\r", bus)
    assert voice.out == ['{"files":3}\n', '["a","a","a"]\n']
    assert session.last is not None and session.last.value == ["a", "a", "a"]


def test_a_line_that_is_cancelled_does_nothing(typing: Typing) -> None:
    _, voice = typing("odd\x03tial\r")
    assert [text.partition("\n")[0] for text in voice.told] == [
        "no verb 'tial': did you mean 'tail'?"
    ]


@pytest.mark.parametrize(
    ("kind", "name", "before"),
    [(Feed, "follow", True), (Feed, "follow", False), (PromptSession, "prompt", False)],
)
def test_an_interrupt_around_the_prompt_is_no_end_of_the_shell(
    kind: type, name: str, before: bool, typing: Typing, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, left = getattr(kind, name), [1, 2, 3]

    def interrupted(*args: Any, **options: Any) -> Any:
        if left and before:
            os.kill(os.getpid(), signal.SIGINT)
        result = method(*args, **options)
        if left and not before:
            os.kill(os.getpid(), signal.SIGINT)
        del left[:1]
        return result

    monkeypatch.setattr(kind, name, interrupted)
    with interruptible():
        _, voice = typing("odd\r" * 5)
    assert voice.told, "a line that came after them was run"
    assert not left


def test_keys(typing: Typing) -> None:
    session, _ = typing(F2 + F2)
    assert session.format == "json"
    _, voice = typing(F4 + "ls -n odd\x1b0dwihelp \x1b\r")
    assert "no option -n" in voice.told[0]


def test_enter_goes_on_in_the_next_line_while_something_is_open(
    typing: Typing, bus: ipcm.Bus, history: Path
) -> None:
    _, voice = typing('request store search {\r"text": "a"}\r', bus)
    assert voice.out == ['["a"]\n']
    kept = list(KeptHistory(history).load_history_strings())
    assert kept == ['request store search {\n"text": "a"}']


def test_what_is_pasted_runs_up_to_the_first_error(typing: Typing, bus: ipcm.Bus) -> None:
    pasted = "\x1b[200~request store stats\nodd\nrequest store stats\x1b[201~"
    _, voice = typing(f"{pasted}\r", bus)
    assert voice.out == ['{"files":3}\n'] and voice.told[0].startswith("no verb 'odd'")


def test_tab_completes_what_there_is_only_one_of(typing: Typing, bus: ipcm.Bus) -> None:
    _, voice = typing("req\tsto\tsta\t\r", bus)
    assert voice.out == ['{"files":3}\n']


def test_what_ends_something_asks(typing: Typing, bus: ipcm.Bus) -> None:
    _, voice = typing("terminate probe\r", bus, False)
    assert voice.asked == ["Terminate probe on bus here?"] and voice.told == ["nothing was done"]
    _, voice = typing("kill probe\r", bus, True)
    assert voice.asked == ["Kill probe on bus here?"] and bus.services() == ["store"]
