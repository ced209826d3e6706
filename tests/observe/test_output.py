"""Output of services that goes to the bus, and those who read it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm._core.cutting import HEADER_BYTES, make_head
from ipcm._os.output import OutputFile
from ipcm.observe.output import Output
from tests._os.processes import LIMIT, in_child
from tests.helpers import wait_until


class Talker(ipcm.Service):
    """Prints what it is told to."""

    output_cap = 4000

    @ipcm.endpoint
    def say(self, text: str, times: int = 1) -> None:
        for n in range(times):
            print(text, n)

    @ipcm.endpoint
    def complain(self, text: str) -> None:
        print(text, file=sys.stderr)
        self.debug("debugged")

    @ipcm.endpoint
    def shell(self, command: str) -> int:
        return os.system(command)

    @ipcm.endpoint
    def read(self) -> str:
        return sys.stdin.read()

    @ipcm.endpoint
    def nest(self) -> None:
        ipcm.service("nested", Talker)


@pytest.mark.parametrize("start", ["fork", "exec", "launcher"])
def test_it_goes_to_the_bus_line_by_line(start: str, capfd: pytest.CaptureFixture[str]) -> None:
    with ipcm.spawn() as bus:
        with ipcm.service("talker", Talker, bus=bus, start=start, output="bus") as handle:
            handle.call("say", text="hello")
            output = handle.output()
            assert output.exists
            assert output.read() == "hello 0\n"
            assert output.read() == ""
            handle.call("complain", text="oh")
            handle.call("shell", command="echo a child")
            assert output.read() == "oh\ndebugged\na child\n"
            assert handle.call("read") == ""  # nobody else's keys
        assert bus.outputs() == ["talker"]
        assert bus.output("talker").read().startswith("hello 0\noh\n")  # it has died
        assert capfd.readouterr() == ("", "")
        with ipcm.service("talker", Talker, bus=bus, start=start, output="bus") as handle:
            handle.call("say", text="again")
            assert output.read() == "again 0\n"  # another life writes on


@pytest.mark.parametrize(("start", "background"), [("fork", False), ("launcher", True)])
def test_where_it_goes_without_being_told(
    start: str, background: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    with ipcm.service("talker", Talker, start=start) as handle:
        handle.call("shell", command="echo here")
        assert handle.output().exists == background
    assert capfd.readouterr().out == ("" if background else "here\n")


def test_a_nested_one_follows_its_starter() -> None:
    with ipcm.service("talker", Talker, output="bus") as handle:
        handle.call("nest")
        with ipcm.attach("nested", handle.bus) as nested:
            nested.call("say", text="inside")
            assert nested.output().read() == "inside 0\n"
            assert handle.output().read() == ""


def test_neither_here_nor_there() -> None:
    with pytest.raises(ipcm.UsageError, match="neither"):
        ipcm.service("talker", Talker, output="nowhere")
    with ipcm.spawn(transport="memory") as bus:
        with pytest.raises(ipcm.UnsupportedError, match="keeps no output"):
            bus.output("talker")
        assert bus.outputs() == []


def test_the_traceback_that_ended_it_is_there() -> None:
    def fail(service: Any) -> None:
        raise ValueError("in an interval")

    with ipcm.spawn() as bus:
        handle = ipcm.service(
            "talker", Talker, bus=bus, output="bus", on_interval=fail, interval=0.01
        )
        with pytest.raises(ipcm.ServiceDied):
            handle.wait(LIMIT)
        assert "ValueError: in an interval" in handle.output().read()
        handle.close()


def test_cut_at_a_turn_once_over_its_cap() -> None:
    with ipcm.service(
        "talker", Talker, output="bus", interval=0.01, on_interval=lambda s: None
    ) as handle:
        before = handle.output()
        handle.call("say", text="first", times=3)
        assert before.read() == "first 0\nfirst 1\nfirst 2\n"
        handle.call("say", text="x" * 50, times=200)
        size = 24 + sum(len(f"{'x' * 50} {n}\n") for n in range(200))
        path = Path(before.path)
        wait_until(lambda: path.stat().st_size < 4000)
        handle.call("say", text="last")
        # Who reads it for the first time, and who has read it before, is told of the gap.
        for output in (handle.output(), before):
            text = output.read()
            notice, first, *_, last, end = text.split("\n")
            assert notice.startswith("[ipcm: ") and notice.endswith(" bytes before this were cut]")
            assert first.startswith("x" * 50 + " ")
            assert last == "last 0" and end == ""
            assert int(notice.split()[1]) + len(text) - HEADER_BYTES == size + len("last 0\n")
            assert output.place == size + len("last 0\n")
        handle.call("say", text="more")
        assert before.read() == "more 0\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


class TestReading:
    def test_a_file_that_is_not_there_yet(self, file: Path) -> None:
        output = Output(str(file))
        assert not output.exists and output.read() == "" and output.tail(3) == ""
        file.write_text("x")
        assert output.read() == "x"

    def test_characters_that_come_in_pieces(self, file: Path) -> None:
        output = Output(str(file))
        file.write_bytes("é".encode()[:1])
        assert output.read() == ""
        with open(file, "ab") as more:
            more.write("é".encode()[1:] + b"\xff\n")
        assert output.read() == "é\ufffd\n"

    def test_in_portions(self, file: Path) -> None:
        output = Output(str(file))
        file.write_text("abcdef")
        assert [output.read(4), output.read(4), output.read(4)] == ["abcd", "ef", ""]

    @pytest.mark.parametrize(
        ("text", "lines", "last"),
        [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 9, "a\nb\n"),
            ("a\nb\n", 0, ""),
            ("", 3, ""),
        ],
    )
    def test_the_last_lines(self, file: Path, text: str, lines: int, last: str) -> None:
        file.write_text(text)
        output = Output(str(file))
        assert output.tail(lines) == last
        assert output.read() == ""
        with open(file, "a") as more:
            more.write("new")
        assert output.read() == "new"

    def test_followed_to_its_end(self, file: Path) -> None:
        output = Output(str(file))
        file.write_text("one\n")
        over: list[bool] = []
        got = []
        for text in output.follow(lambda: over):
            got.append(text)
            if len(got) == 1:
                file.write_text("one\ntwo\n")
                over.append(True)
        assert got == ["one\n", "two\n"]

    def test_somebody_else_emptied_it(self, file: Path) -> None:
        output = Output(str(file))
        file.write_text("long enough\n")
        assert output.read() == "long enough\n"
        file.write_text("new\n")
        got = ""
        for _ in range(30):
            got += output.read()
        assert got == "new\n"

    def test_while_it_is_being_cut_nothing(self, file: Path) -> None:
        file.write_bytes(make_head(0, cutting=True) + b"old beginning")
        output = Output(str(file))
        assert output.read() == ""
        file.write_bytes(make_head(500) + b"tail")
        assert output.read() == make_head(500).decode() + "tail"
        # Whoever was cutting it died over it: it is read all the same.
        file.write_bytes(make_head(510, cutting=True) + b"tail")
        assert "".join(output.read() for _ in range(30)).endswith("tail")


class TestCutting:
    """In a process of its own: the file is what standard output stands on."""

    @staticmethod
    def written(path: Path, act: Callable[[OutputFile], Any]) -> Any:
        def child() -> Any:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(fd, 1)
            found = OutputFile.of_this_process(str(path))
            assert found is not None
            return act(found)

        return in_child(child)

    def test_only_over_the_cap(self, file: Path) -> None:
        def act(output: OutputFile) -> list[bool]:
            os.write(1, b"0123456\n" * 20)
            return [output.cut(160), output.cut(159), output.cut(159)]

        assert self.written(file, act) == [False, True, False]
        assert file.read_bytes() == make_head(88) + b"0123456\n" * 9

    def test_again_and_again(self, file: Path) -> None:
        def act(output: OutputFile) -> None:
            for n in range(1000):
                os.write(1, b"%07d\n" % n)
                output.cut(200)

        self.written(file, act)
        output = Output(str(file))
        notice, *lines = output.read().splitlines()
        assert output.place == 8000
        assert int(notice.split()[1]) == 8000 - 8 * len(lines)
        assert lines == [f"{n:07d}" for n in range(1000 - len(lines), 1000)]

    def test_a_line_longer_than_what_is_kept(self, file: Path) -> None:
        def act(output: OutputFile) -> bool:
            os.write(1, b"x" * 1000)
            return output.cut(100)

        assert self.written(file, act)
        assert file.stat().st_size <= HEADER_BYTES + 50

    def test_a_reader_that_is_stopped_or_dies_is_nothing_to_it(self, file: Path) -> None:
        reader = os.fork()
        if reader == 0:
            try:
                with open(file, "ab"), open(file, "rb"):
                    os.kill(os.getpid(), signal.SIGSTOP)
            finally:
                os._exit(0)
        os.waitpid(reader, os.WUNTRACED)
        self.written(file, lambda output: os.write(1, b"abc\n" * 100) and output.cut(100))
        assert file.stat().st_size < 200
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)

    def test_not_that_of_somebody_else(self, file: Path) -> None:
        file.write_text("theirs")
        assert OutputFile.of_this_process(str(file)) is None
        assert OutputFile.of_this_process(None) is None
        assert OutputFile.of_this_process(str(file) + "-not-there") is None
